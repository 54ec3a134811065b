"""One HTTP request and its whole answer, bounded in time and size, without a browser."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import requests
import urllib3

from probes.model import FailureClass, Finding, Outcome, Run
from probes.text import bounded

#: A body longer than this is no JSON answer of an API's; reading on would be the target's choice.
MAX_BODY = 1_000_000

Record = Callable[[datetime, float, Outcome, str], Run]


class Broken(Exception):
    """A promise that the answer does not keep."""

    def __init__(self, reason: str, failure: FailureClass = FailureClass.PROMISE) -> None:
        super().__init__(reason)
        self.failure = failure


def exchange(
    method: str,
    url: str,
    timeout_s: float,
    answered: Callable[[], None] = lambda: None,
    **what: Any,
) -> tuple[requests.Response, bytes]:
    """Send a request, and return its answer and up to just past MAX_BODY of its body.

    Args:
        method: GET and so on.
        url: where to; a redirect is an answer, and not followed.
        timeout_s: for everything.
        answered: called once the first byte is there.
        what: more arguments of `requests.request`.

    Raises:
        Broken: the body did not come to its end, or not in time.
        requests.RequestException, OSError: there was no answer; `blame` says whose fault.
    """
    deadline = time.monotonic() + timeout_s
    with requests.request(
        method, url, timeout=timeout_s, allow_redirects=False, stream=True, **what
    ) as answer:
        answered()
        body = _body(answer, deadline)
        if body is None:
            late = f"the body was not complete after {timeout_s:g} s"
            raise Broken(late, FailureClass.STALLED)
    return answer, body


def _body(answer: requests.Response, deadline: float) -> bytes | None:
    """Read up to just past MAX_BODY; None where the rest does not come in time.

    requests' own timeout is per read of the socket, and its chunks wait until they are full: a
    target that drips bytes would hold us for hours. So take what is there, and look at the clock.
    """
    body = b""
    try:
        while len(body) <= MAX_BODY:
            chunk = answer.raw.read1(65_536, decode_content=True)
            if not chunk:
                break
            body += chunk
            if time.monotonic() > deadline:
                return None
    except (urllib3.exceptions.ReadTimeoutError, TimeoutError):
        return None
    except urllib3.exceptions.HTTPError as cause:
        off = f"the body broke off after {len(body)} bytes: {kind(cause)}"
        raise Broken(off, FailureClass.RESET) from cause
    return body


def blame(cause: Exception) -> Finding:
    """Say whose fault it was that no answer came, and what kind of fault.

    Reasons that begin with "no answer" mean that nothing came back at all: the caller decides
    whether that is the target's fault or ours.
    """
    match cause:
        case requests.exceptions.SSLError() | ssl.SSLError():
            return Finding(Outcome.FAILED, f"TLS: {kind(cause)}", FailureClass.TLS)
        case requests.exceptions.ProxyError():
            return Finding(Outcome.ERROR, f"our proxy: {kind(cause)}", FailureClass.NETWORK)
        case _ if _stems_from(cause, socket.gaierror):
            # A name server that does not answer and a name that is gone look the same from here.
            return Finding(Outcome.ERROR, f"name not resolved: {kind(cause)}", FailureClass.DNS)
        case ValueError():  # requests' words for a URL or header that it could not send
            own = f"the probe's own request: {kind(cause)}"
            return Finding(Outcome.ERROR, own, FailureClass.JOURNEY)
        case requests.RequestException() if not isinstance(
            cause, requests.ConnectionError | requests.Timeout
        ):
            return Finding(Outcome.FAILED, f"unusable answer: {kind(cause)}", FailureClass.NETWORK)
        case _:
            return Finding(Outcome.FAILED, f"no answer: {kind(cause)}", _no_answer(cause))


def _no_answer(cause: Exception) -> FailureClass:
    # A full backlog drops what knocks, so a connection that is not made in time is silence too.
    if isinstance(cause, requests.Timeout | TimeoutError):
        return FailureClass.NO_FIRST_BYTE
    if _stems_from(cause, ConnectionRefusedError):
        return FailureClass.REFUSED
    # FIN in the place of an answer (RemoteDisconnected) is a ConnectionResetError to Python.
    if _stems_from(cause, ConnectionError):
        return FailureClass.RESET
    return FailureClass.NETWORK


def _stems_from(cause: BaseException, wanted: type[BaseException]) -> bool:
    """Look through what requests and urllib3 have wrapped around an error of the socket's."""
    seen: set[int] = set()
    open_ends: list[object] = [cause]
    while open_ends:
        each = open_ends.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        if isinstance(each, wanted) and not isinstance(each, requests.RequestException):
            return True
        seen.add(id(each))
        open_ends += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
    return False


def kind(cause: BaseException) -> str:
    """Return an error's name and its innermost words, bounded."""
    inner = cause.args[0] if cause.args and isinstance(cause.args[0], Exception) else cause
    return f"{type(cause).__name__}: {bounded(str(getattr(inner, 'reason', inner)), 200)}"
