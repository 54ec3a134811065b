"""HTTP probes: status, JSON, latency by soft limit, days left of the certificate."""

from __future__ import annotations

import json
import os
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests
import urllib3
from jsonpath_rfc9535 import JSONPathError, find
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from config.schema import RequestProbe, TargetSpec
from probes.model import Outcome, Run, Step

#: A body longer than this is no JSON answer of an API's; reading on would be the target's choice.
MAX_BODY = 1_000_000

Record = Callable[[datetime, float, Outcome, str], Run]


class _Broken(Exception):
    """A promise that the answer does not keep."""


def run_request(
    probe: RequestProbe, target: TargetSpec, record: Record, started_at: datetime
) -> Run:
    """Send one request and compare its answer with what the probe expects.

    Reasons that begin with "no answer" mean that nothing came back at all: the caller decides
    whether that is the target's fault or ours.
    """
    started = time.monotonic()
    deadline = started + probe.timeout_s
    steps: list[Step] = []
    outcome, reason = Outcome.PASSED, ""
    try:
        answer, body = _ask(probe, target, steps, deadline)
        _compare(probe, answer, body)
        _check_certificate(probe, target, steps, deadline)
    except _Broken as cause:
        outcome, reason = Outcome.FAILED, str(cause)
    except (requests.RequestException, OSError) as cause:
        outcome, reason = _blame(cause)
    run = record(started_at, time.monotonic() - started, outcome, reason)
    return replace(run, steps=tuple(steps))


def _blame(cause: Exception) -> tuple[Outcome, str]:
    match cause:
        case requests.exceptions.SSLError() | ssl.SSLError():
            return Outcome.FAILED, f"TLS: {_kind(cause)}"
        case requests.exceptions.ProxyError():
            return Outcome.ERROR, f"our proxy: {_kind(cause)}"
        case requests.ConnectionError() | socket.gaierror() if _is_name_fault(cause):
            # A name server that does not answer and a name that is gone look the same from here.
            return Outcome.ERROR, f"name not resolved: {_kind(cause)}"
        case ValueError():  # requests' words for a URL or header that it could not send
            return Outcome.ERROR, f"the probe's own request: {_kind(cause)}"
        case requests.ConnectionError() | requests.Timeout():
            return Outcome.FAILED, f"no answer: {_kind(cause)}"
        case requests.RequestException():
            return Outcome.FAILED, f"unusable answer: {_kind(cause)}"
        case _:
            return Outcome.FAILED, f"no answer: {_kind(cause)}"


def _is_name_fault(cause: Exception) -> bool:
    return isinstance(cause, socket.gaierror) or "NameResolutionError" in repr(cause)


def _ask(
    probe: RequestProbe, target: TargetSpec, steps: list[Step], deadline: float
) -> tuple[requests.Response, bytes]:
    origin = target.api if probe.origin == "api" else target.base_url
    started = time.monotonic()
    with requests.request(
        probe.method,
        f"{origin}{probe.path}",
        headers=probe.headers,
        data=probe.body,
        cookies=target.cookies,
        timeout=probe.timeout_s,
        allow_redirects=False,
        stream=True,
    ) as answer:
        steps.append(Step("first byte", Outcome.PASSED, time.monotonic() - started))
        body = _body(answer, deadline)
        if body is None:
            raise _Broken(f"the body was not complete after {probe.timeout_s:g} s")
    steps.append(Step("whole answer", Outcome.PASSED, time.monotonic() - started))
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
        raise _Broken(f"the body broke off after {len(body)} bytes: {_kind(cause)}") from cause
    return body


def _compare(probe: RequestProbe, answer: requests.Response, body: bytes) -> None:
    if answer.status_code not in probe.status:
        wanted = ", ".join(map(str, probe.status))
        raise _Broken(f"status: expected {wanted}, saw {answer.status_code}")
    if not probe.json_expect:
        return
    if len(body) > MAX_BODY:
        raise _Broken(f"the body is longer than {MAX_BODY} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as cause:
        raise _Broken(f"the body is not JSON: {str(cause)[:100]}") from cause
    for expected in probe.json_expect:
        try:
            found = find(expected.path, document).values()
        except JSONPathError as cause:
            raise _Broken(f"{expected.path} cannot be evaluated: {cause}") from cause
        if not found or not _same(found[0], expected.equals):
            seen = repr(found[0])[:200] if found else "nothing"
            raise _Broken(f"{expected.path}: expected {expected.equals!r}, saw {seen}")


def _same(seen: object, wanted: object) -> bool:
    # To Python 1 == True; to JSON it is another thing.
    return seen == wanted and isinstance(seen, bool) == isinstance(wanted, bool)


def _check_certificate(
    probe: RequestProbe, target: TargetSpec, steps: list[Step], deadline: float
) -> None:
    if probe.tls_days_left is None:
        return
    url = urlsplit(target.api if probe.origin == "api" else target.base_url)
    if url.scheme != "https" or url.hostname is None:
        raise _Broken("tls_days_left: the target is not served over https")
    started = time.monotonic()
    # The authorities that requests has just trusted, not those of Python's own OpenSSL.
    trusted = _authorities()
    folder = os.path.isdir(trusted)
    context = ssl.create_default_context(
        cafile=None if folder else trusted, capath=trusted if folder else None
    )
    address = (url.hostname, url.port or 443)
    with (
        socket.create_connection(address, max(0.1, deadline - started)) as plain,
        context.wrap_socket(plain, server_hostname=url.hostname) as secure,
    ):
        certificate = secure.getpeercert() or {}
    steps.append(Step("TLS", Outcome.PASSED, time.monotonic() - started))
    ends_s = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    days = (ends_s - datetime.now(UTC).timestamp()) / 86_400
    if days < probe.tls_days_left:
        raise _Broken(f"certificate: expected {probe.tls_days_left} days left, saw {days:.1f}")


def _authorities() -> str:
    named = (os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
    return next(filter(None, named), DEFAULT_CA_BUNDLE_PATH)


def _kind(cause: BaseException) -> str:
    inner = cause.args[0] if cause.args and isinstance(cause.args[0], Exception) else cause
    return f"{type(cause).__name__}: {str(getattr(inner, 'reason', inner))[:200]}"
