"""HTTP probes: status, JSON, latency by soft limit, days left of the certificate."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests
from jsonpath_rfc9535 import JSONPathError, find

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
    steps: list[Step] = []
    outcome, reason = Outcome.PASSED, ""
    try:
        answer, body = _ask(probe, target, steps)
        _compare(probe, answer, body)
        _check_certificate(probe, target, steps)
    except _Broken as cause:
        outcome, reason = Outcome.FAILED, str(cause)
    except requests.exceptions.SSLError as cause:
        outcome, reason = Outcome.FAILED, f"TLS: {_kind(cause)}"
    except (requests.ConnectionError, requests.Timeout) as cause:
        name = "NameResolutionError" in repr(cause)
        # A name server that does not answer and a name that is gone look the same from here.
        outcome = Outcome.ERROR if name else Outcome.FAILED
        reason = f"{'name not resolved' if name else 'no answer'}: {_kind(cause)}"
    except requests.RequestException as cause:
        outcome, reason = Outcome.FAILED, f"unusable answer: {_kind(cause)}"
    run = record(started_at, time.monotonic() - started, outcome, reason)
    return replace(run, steps=tuple(steps))


def _ask(
    probe: RequestProbe, target: TargetSpec, steps: list[Step]
) -> tuple[requests.Response, bytes]:
    origin = target.api if probe.origin == "api" else target.base_url
    started = time.monotonic()
    deadline = started + probe.timeout_s
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
        body = b""
        # requests' own timeout is per read: a target that drips bytes would hold us for ever.
        for chunk in answer.iter_content(65_536):
            body += chunk
            if time.monotonic() > deadline:
                raise _Broken(f"the body was not complete after {probe.timeout_s:g} s")
            if len(body) > MAX_BODY:
                break
    steps.append(Step("whole answer", Outcome.PASSED, time.monotonic() - started))
    return answer, body


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
    except ValueError as cause:
        raise _Broken(f"the body is not JSON: {str(cause)[:100]}") from cause
    for expected in probe.json_expect:
        try:
            found = find(expected.path, document).values()
        except JSONPathError as cause:
            raise _Broken(f"{expected.path} cannot be evaluated: {cause}") from cause
        if not found or found[0] != expected.equals:
            seen = repr(found[0])[:200] if found else "nothing"
            raise _Broken(f"{expected.path}: expected {expected.equals!r}, saw {seen}")


def _check_certificate(probe: RequestProbe, target: TargetSpec, steps: list[Step]) -> None:
    if probe.tls_days_left is None:
        return
    url = urlsplit(target.api if probe.origin == "api" else target.base_url)
    if url.scheme != "https" or url.hostname is None:
        raise _Broken("tls_days_left: the target is not served over https")
    started = time.monotonic()
    context = ssl.create_default_context()
    address = (url.hostname, url.port or 443)
    try:
        with (
            socket.create_connection(address, probe.timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=url.hostname) as secure,
        ):
            certificate = secure.getpeercert() or {}
    except OSError as cause:
        raise _Broken(f"TLS: {_kind(cause)}") from cause
    steps.append(Step("TLS", Outcome.PASSED, time.monotonic() - started))
    ends_s = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    days = (ends_s - datetime.now(UTC).timestamp()) / 86_400
    if days < probe.tls_days_left:
        raise _Broken(f"certificate: expected {probe.tls_days_left} days left, saw {days:.1f}")


def _kind(cause: BaseException) -> str:
    inner = cause.args[0] if cause.args and isinstance(cause.args[0], Exception) else cause
    return f"{type(cause).__name__}: {str(getattr(inner, 'reason', inner))[:200]}"
