"""What kind of failure an HTTP probe met: each made for real."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable
from typing import Any

import pytest
import requests

from config.schema import TargetSpec
from probes.exchange import blame
from probes.model import FailureClass, Outcome
from tests.probes.conftest import Answer, Site, closed_port, uplink_at
from tests.probes.test_request import ask, expecting

Speak = Callable[[Any], None]


def reset(handler: Any) -> None:
    linger = struct.pack("ii", 1, 0)  # close() then sends RST instead of FIN
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.rfile.close()
    handler.connection.close()


def hang_up(handler: Any) -> None:
    handler.close_connection = True


def break_off(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"{")


def talk_nonsense(handler: Any) -> None:
    handler.wfile.write(b"\x00\x01\x1b[2J nonsense\r\n\r\n")


@pytest.mark.parametrize(
    ("speak", "failure"),
    [
        (reset, FailureClass.RESET),
        (hang_up, FailureClass.RESET),
        (break_off, FailureClass.RESET),
        (talk_nonsense, FailureClass.NETWORK),
    ],
)
def test_a_target_that_breaks_the_line_fails_by_how_it_does(
    site: Site, speak: Speak, failure: FailureClass
) -> None:
    site.answers["/"] = Answer(speak)

    run = ask(site.target, uplink_at(f"{site.url}/up"))

    assert (run.outcome, run.failure) == (Outcome.FAILED, failure), run.reason
    assert run.reason.isprintable()


@pytest.mark.parametrize(
    ("says", "failure"),
    [
        ("hang", FailureClass.NO_FIRST_BYTE),
        ("hang_after_headers", FailureClass.STALLED),
        ("drip", FailureClass.STALLED),
    ],
)
def test_silence_before_the_first_byte_is_told_from_silence_after_it(
    site: Site, says: str, failure: FailureClass
) -> None:
    site.answers["/"] = Answer(getattr(site, says))

    run = ask(site.target, uplink_at(f"{site.url}/up"), timeout_s=0.3)

    assert (run.outcome, run.failure) == (Outcome.FAILED, failure)


def test_what_does_not_answer_at_all_is_refused_nameless_or_our_uplink() -> None:
    nobody = TargetSpec(name="nobody", base_url=f"http://127.0.0.1:{closed_port()}")
    nameless = TargetSpec(name="nobody", base_url="http://nobody.invalid")

    refused = ask(nobody)
    unresolved = ask(nameless)
    cut_off = ask(nobody, uplink_at(f"http://127.0.0.1:{closed_port()}"))

    assert (refused.outcome, refused.failure) == (Outcome.FAILED, FailureClass.REFUSED)
    assert (unresolved.outcome, unresolved.failure) == (Outcome.ERROR, FailureClass.DNS)
    assert (cut_off.outcome, cut_off.failure) == (Outcome.ERROR, FailureClass.UPLINK)


def test_a_connection_that_is_never_made_is_silence() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = int(full.getsockname()[1])
        # A backlog of 0 takes one: the next ones knock in vain.
        waiting = [socket.create_connection(("127.0.0.1", port), timeout=1)]
        run = ask(TargetSpec(name="full", base_url=f"http://127.0.0.1:{port}"), timeout_s=0.3)
        waiting[0].close()

    assert (run.outcome, run.failure) == (Outcome.FAILED, FailureClass.NO_FIRST_BYTE), run.reason


def test_a_port_that_does_not_speak_tls_is_a_failure_of_tls(site: Site) -> None:
    plain = TargetSpec(name="plain", base_url=f"https://127.0.0.1:{site.server_port}")

    assert ask(plain, timeout_s=1).failure is FailureClass.TLS


def test_a_proxy_and_a_header_of_ours_are_told_apart(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    malformed = ask(site.target, headers={"X-Bad": "two\nlines"})
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    proxied = ask(TargetSpec(name="somebody", base_url="http://somebody.invalid"))

    assert (malformed.outcome, malformed.failure) == (Outcome.ERROR, FailureClass.JOURNEY)
    assert (proxied.outcome, proxied.failure) == (Outcome.ERROR, FailureClass.NETWORK)


@pytest.mark.parametrize("status", [500, 200])
def test_another_answer_than_promised_is_a_broken_promise(site: Site, status: int) -> None:
    site.answers["/"] = Answer("{}", status=status)

    run = ask(site.target, **expecting("$.ok", True))

    assert (run.outcome, run.failure, run.hard) == (Outcome.FAILED, FailureClass.PROMISE, False)


def test_an_answer_as_promised_has_no_failure(site: Site) -> None:
    site.answers["/"] = Answer("here")

    assert ask(site.target).failure is None


def test_an_error_that_refers_to_itself_is_still_told() -> None:
    own = requests.ConnectionError("knot")
    own.__cause__ = OSError("inner")
    own.__cause__.__context__ = own

    assert blame(own).failure is FailureClass.NETWORK
    assert blame(ssl.SSLError("x")).failure is FailureClass.TLS
