"""Chromium's words, and whose fault they stand for."""

from __future__ import annotations

import pytest

from probes.model import FailureClass
from probes.net_errors import net_error


@pytest.mark.parametrize(
    ("word", "failure", "ours"),
    [
        ("NAME_NOT_RESOLVED", FailureClass.DNS, True),
        ("DNS_TIMED_OUT", FailureClass.DNS, True),
        ("OUT_OF_MEMORY", FailureClass.OUT_OF_MEMORY, True),
        ("INSUFFICIENT_RESOURCES", FailureClass.OUT_OF_MEMORY, True),
        ("BLOCKED_BY_CLIENT", FailureClass.JOURNEY, True),
        ("INTERNET_DISCONNECTED", FailureClass.NETWORK, True),
        ("PROXY_CONNECTION_FAILED", FailureClass.NETWORK, True),
        ("PROXY_CERTIFICATE_INVALID", FailureClass.NETWORK, True),
        ("CERT_DATE_INVALID", FailureClass.TLS, False),
        ("SSL_VERSION_OR_CIPHER_MISMATCH", FailureClass.TLS, False),
        ("CONNECTION_REFUSED", FailureClass.REFUSED, False),
        ("CONNECTION_RESET", FailureClass.RESET, False),
        ("INCOMPLETE_CHUNKED_ENCODING", FailureClass.RESET, False),
        ("HTTP2_PROTOCOL_ERROR", FailureClass.RESET, False),
        ("CONNECTION_TIMED_OUT", FailureClass.NO_FIRST_BYTE, False),
        ("TIMED_OUT", FailureClass.NO_FIRST_BYTE, False),
        ("TOO_MANY_REDIRECTS", FailureClass.NETWORK, False),
        ("SOMETHING_NEW", FailureClass.NETWORK, False),
    ],
)
def test_each_word_has_one_kind(word: str, failure: FailureClass, ours: bool) -> None:
    found = net_error(f"Page.goto: net::ERR_{word} at http://x.invalid/\nCall log:\n  - more")

    assert found is not None
    assert (found.name, found.failure, found.ours) == (f"net::ERR_{word}", failure, ours)


@pytest.mark.parametrize("text", ["", "Timeout 30ms exceeded", "ERR_OUT_OF_MEMORY", "net::ERR_"])
def test_a_message_without_such_a_word_says_nothing(text: str) -> None:
    assert net_error(text) is None
