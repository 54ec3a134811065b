"""PromQL probes: one number from a Prometheus server, or the reason why there is none."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from datetime import datetime
from typing import Any

import requests

from config.schema import PromqlProbe, TargetSpec
from probes.exchange import MAX_BODY, Broken, Record, blame, exchange
from probes.model import FailureClass, Outcome, Run
from probes.text import bounded


def run_promql(probe: PromqlProbe, target: TargetSpec, record: Record, started_at: datetime) -> Run:
    """Ask a Prometheus server one question; the number that it answers is the run's value.

    Whatever is not one finite number is `error`: no data, many series, a query that is refused, a
    server that is away. It says nothing about what the number would have been, so it never fails.

    Source: the answer's shapes after Prometheus' HTTP API, /api/v1/query.
    """
    started = time.monotonic()
    outcome, reason = Outcome.PASSED, ""
    value: float | None = None
    failure: FailureClass | None = None
    try:
        value = _ask(probe, target)
    except Broken as cause:
        outcome, reason, failure = Outcome.ERROR, str(cause), cause.failure
    except (requests.RequestException, OSError) as cause:
        found = blame(cause)
        outcome, reason, failure = Outcome.ERROR, found.reason, found.failure
    run = record(started_at, time.monotonic() - started, outcome, reason)
    return replace(run, value=value, failure=failure)


def _ask(probe: PromqlProbe, target: TargetSpec) -> float:
    answer, body = exchange(
        "POST",
        f"{target.base_url}/api/v1/query",
        probe.timeout_s,
        headers=probe.headers,
        data={"query": probe.query, "timeout": f"{probe.timeout_s * 1000:.0f}ms"},
        cookies=target.cookies,
    )
    document = _document(answer.status_code, body)
    if document.get("status") != "success":
        said = f"{document.get('errorType')}: {document.get('error')}"
        raise Broken(f"the query failed: {bounded(said, 200)}", FailureClass.JOURNEY)
    if warnings := document.get("warnings"):
        # Where some of a federation's servers are away, the rest answers with too small a number.
        raise Broken(f"the answer is in doubt: {bounded(str(warnings), 200)}", FailureClass.JOURNEY)
    return _number(_sample(document.get("data")))


def _document(status: int, body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BODY:
        raise Broken(f"the answer is longer than {MAX_BODY} bytes", FailureClass.JOURNEY)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as cause:
        raise Broken(f"status {status}, and no JSON", FailureClass.NETWORK) from cause
    if not isinstance(document, dict) or "status" not in document:
        raise Broken(f"status {status}, and no answer of Prometheus'", FailureClass.NETWORK)
    return document


def _sample(data: Any) -> str:
    """Return the one sample's text, out of a scalar or a vector of one series."""
    match data:
        case {"resultType": "scalar", "result": [_, str(value)]}:
            return value
        case {"resultType": "vector", "result": []}:
            raise Broken("no data: the query's answer is empty", FailureClass.JOURNEY)
        case {"resultType": "vector", "result": [{"value": [_, str(value)]}]}:
            return value
        case {"resultType": "vector", "result": [_, _, *_] as series}:
            many = f"expected one series, saw {len(series)}: aggregate them in the query"
            raise Broken(many, FailureClass.JOURNEY)
    shape = data.get("resultType") if isinstance(data, dict) else data
    raise Broken(f"expected one number, saw {bounded(repr(shape), 100)}", FailureClass.JOURNEY)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError as cause:
        seen = bounded(repr(text), 100)
        raise Broken(f"expected a number, saw {seen}", FailureClass.JOURNEY) from cause
    if not math.isfinite(value):
        raise Broken(f"expected a finite number, saw {value}", FailureClass.JOURNEY)
    return value
