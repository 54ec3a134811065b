"""HTTP probes: status, JSON, latency by soft limit, days left of the certificate."""

from __future__ import annotations

import json
import os
import socket
import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests
from jsonpath_rfc9535 import JSONPathError, find
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from config.schema import RequestProbe, TargetSpec
from probes.exchange import MAX_BODY, Broken, Record, blame, exchange
from probes.model import Finding, Outcome, Run, Step
from probes.text import bounded


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
    found = Finding(Outcome.PASSED)
    try:
        answer, body = _ask(probe, target, steps)
        _compare(probe, answer, body)
        _check_certificate(probe, target, steps, deadline)
    except Broken as cause:
        found = Finding(Outcome.FAILED, str(cause), cause.failure)
    except (requests.RequestException, OSError) as cause:
        found = blame(cause)
    run = record(started_at, time.monotonic() - started, found.outcome, found.reason)
    return replace(run, steps=tuple(steps), failure=found.failure)


def _ask(
    probe: RequestProbe, target: TargetSpec, steps: list[Step]
) -> tuple[requests.Response, bytes]:
    origin = target.api if probe.origin == "api" else target.base_url
    started = time.monotonic()

    def passed(name: str) -> None:
        steps.append(Step(name, Outcome.PASSED, time.monotonic() - started))

    answer, body = exchange(
        probe.method,
        f"{origin}{probe.path}",
        probe.timeout_s,
        answered=lambda: passed("first byte"),
        headers=probe.headers,
        data=probe.body,
        cookies=target.cookies,
    )
    passed("whole answer")
    return answer, body


def _compare(probe: RequestProbe, answer: requests.Response, body: bytes) -> None:
    if answer.status_code not in probe.status:
        wanted = ", ".join(map(str, probe.status))
        raise Broken(f"status: expected {wanted}, saw {answer.status_code}")
    if not probe.json_expect:
        return
    if len(body) > MAX_BODY:
        raise Broken(f"the body is longer than {MAX_BODY} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as cause:
        raise Broken(f"the body is not JSON: {bounded(str(cause), 100)}") from cause
    for expected in probe.json_expect:
        try:
            found = find(expected.path, document).values()
        except JSONPathError as cause:
            raise Broken(f"{expected.path} cannot be evaluated: {cause}") from cause
        if not found or not _same(found[0], expected.equals):
            seen = bounded(repr(found[0]), 200) if found else "nothing"
            raise Broken(f"{expected.path}: expected {expected.equals!r}, saw {seen}")


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
        raise Broken("tls_days_left: the target is not served over https")
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
        raise Broken(f"certificate: expected {probe.tls_days_left} days left, saw {days:.1f}")


def _authorities() -> str:
    named = (os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
    return next(filter(None, named), DEFAULT_CA_BUNDLE_PATH)
