"""Chromium's words for what went wrong between a browser and a target, and whose fault it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from probes.model import FailureClass

_WORD = re.compile(r"net::ERR_(\w+)")


@dataclass(frozen=True, slots=True)
class NetError:
    """One `net::ERR_...`; `ours`: never the fault of one target."""

    name: str
    failure: FailureClass
    ours: bool


#: The first that fits. Seen from servers of our own, one fault each:
#: nobody listens: CONNECTION_REFUSED. RST after accept: CONNECTION_RESET, or SOCKET_NOT_CONNECTED
#: where it comes before the request is out. FIN in the place of an answer: EMPTY_RESPONSE, and
#: CONNECTION_CLOSED under TLS. RST in the headers: CONNECTION_RESET. RST, or FIN, in the body: the
#: document's request fails with CONNECTION_RESET, or CONTENT_LENGTH_MISMATCH, while the navigation
#: that it belongs to waits on and ends with a time-out. Plain HTTP on a TLS port:
#: SSL_PROTOCOL_ERROR. A certificate that nobody signed: CERT_AUTHORITY_INVALID. No HTTP at all:
#: INVALID_HTTP_RESPONSE. 204: ABORTED, which is also how a killed renderer ends a navigation.
#: NAME_NOT_RESOLVED is ours: a name server that did not answer and a name that does not exist look
#: the same from here.
_KINDS = tuple(
    (re.compile(rf"(?:{pattern})\Z"), failure, ours)
    for pattern, failure, ours in (
        (r"NAME_NOT_RESOLVED|NAME_RESOLUTION_FAILED|DNS_\w+|ICANN_NAME_COLLISION",
         FailureClass.DNS, True),
        (r"OUT_OF_MEMORY|INSUFFICIENT_RESOURCES", FailureClass.OUT_OF_MEMORY, True),
        (r"BLOCKED_BY_CLIENT|UNSAFE_PORT", FailureClass.JOURNEY, True),
        (r"INTERNET_DISCONNECTED|NETWORK_CHANGED|ADDRESS_UNREACHABLE|NETWORK_ACCESS_DENIED|"
         r"NETWORK_IO_SUSPENDED|PROXY_\w+|TUNNEL_CONNECTION_FAILED|SOCKS_\w+",
         FailureClass.NETWORK, True),
        (r"CERT_\w+|SSL_\w+|BAD_SSL_\w+|ECH_\w+", FailureClass.TLS, False),
        (r"CONNECTION_REFUSED|CONNECTION_FAILED", FailureClass.REFUSED, False),
        (r"CONNECTION_(?:RESET|CLOSED|ABORTED)|SOCKET_NOT_CONNECTED|EMPTY_RESPONSE|"
         r"CONTENT_LENGTH_MISMATCH|INCOMPLETE_\w+|(?:HTTP2|QUIC)_\w+",
         FailureClass.RESET, False),
        (r"(?:CONNECTION_)?TIMED_OUT", FailureClass.NO_FIRST_BYTE, False),
        (r"\w+", FailureClass.NETWORK, False),
    )
)  # fmt: skip


def net_error(text: str) -> NetError | None:
    """Find Chromium's word in a message; None where it holds none."""
    word = _WORD.search(text)
    if word is None:
        return None
    name = word.group(1)
    failure, ours = next((failure, ours) for kind, failure, ours in _KINDS if kind.match(name))
    return NetError(f"net::ERR_{name}", failure, ours)
