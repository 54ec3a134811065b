"""Questions to a Prometheus server: a real one, and ones that answer something else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from config.schema import PromqlProbe, TargetSpec, UplinkSpec
from probes.model import FailureClass, Outcome, Purpose, Run
from probes.runner import Job, Runner
from tests.probes.conftest import Answer, Site, closed_port, wait_until
from tests.servers import Prometheus

QUERY_PATH = "/api/v1/query"


def ask(url: str, query: str = "up", **probe: Any) -> Run:
    spec = PromqlProbe(
        name="probe", target="metrics", kind="promql", query=query, **{"timeout_s": 5.0, **probe}
    )
    target = TargetSpec(name="metrics", base_url=url, cookies={"session": "own-cookie"})
    return Runner().execute(Job(spec, target, "local", Purpose.SCHEDULED, uplink=UplinkSpec()))


@pytest.fixture
def metrics(prometheus_server: Prometheus) -> str:
    """Address of a real Prometheus that has scraped itself."""
    url = prometheus_server.url
    wait_until(lambda: ask(url, 'up{job="itself"}').value == 1, within_s=30)
    return url


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("1.5", 1.5),
        ("scalar(vector(7))", 7),
        ("vector(-2)", -2),
        ("1e300", 1e300),
        ('up{job="itself"}', 1),
        ("count(up)", 1),
        ('sum(absent(up{job="nobody"}))', 1),
    ],
)
def test_one_number_is_what_a_run_measured(metrics: str, query: str, value: float) -> None:
    run = ask(metrics, query)

    assert (run.outcome, run.reason, run.failure) == (Outcome.PASSED, "", None)
    assert run.value == value
    assert Run.from_json(run.to_json()) == run


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ('up{job="nobody"}', "no data"),
        ("prometheus_http_requests_total", "expected one series, saw "),
        ("0 / 0", "finite number, saw nan"),
        ("1 / 0", "finite number, saw inf"),
        ("-1 / 0", "finite number, saw -inf"),
        ("up[5m]", "expected one number, saw 'matrix'"),
        ("'words'", "expected one number, saw 'string'"),
        ("up{", "the query failed: bad_data"),
    ],
)
def test_whatever_is_not_one_number_is_an_error_and_never_a_failure(
    metrics: str, query: str, says: str
) -> None:
    run = ask(metrics, query)

    assert (run.outcome, run.failure, run.value) == (Outcome.ERROR, FailureClass.JOURNEY, None)
    assert says in run.reason
    assert not run.judges


def test_a_server_that_is_frozen_or_gone_is_an_error(
    metrics: str, prometheus_server: Prometheus
) -> None:
    with prometheus_server.frozen():
        frozen = ask(metrics, timeout_s=0.3)
    with prometheus_server.away():
        gone = ask(metrics)

    assert (frozen.outcome, frozen.failure) == (Outcome.ERROR, "no_first_byte"), frozen.reason
    assert (gone.outcome, gone.failure) == (Outcome.ERROR, "refused"), gone.reason
    assert frozen.duration_s < 5


def answer(result_type: str, result: Any, **more: Any) -> str:
    data = {"resultType": result_type, "result": result}
    return json.dumps({"status": "success", "data": data, **more})


@pytest.mark.parametrize(
    ("body", "says", "failure"),
    [
        ("<!doctype html><h1>Sign in</h1>", "status 200, and no JSON", FailureClass.NETWORK),
        ("[" * 100_000, "no JSON", FailureClass.NETWORK),
        ("[]", "no answer of Prometheus'", FailureClass.NETWORK),
        ("{}", "no answer of Prometheus'", FailureClass.NETWORK),
        ('{"status": "success"}', "expected one number", FailureClass.JOURNEY),
        ('{"status": "error", "error": "\\u001b[2J"}', "the query failed", FailureClass.JOURNEY),
        (answer("scalar", [1]), "expected one number", FailureClass.JOURNEY),
        (answer("scalar", [1, 5]), "expected one number", FailureClass.JOURNEY),
        (answer("scalar", [1, "soon"]), "a number, saw 'soon'", FailureClass.JOURNEY),
        (answer("vector", [{"histogram": [1, {}]}]), "expected one number", FailureClass.JOURNEY),
        (answer("vector", [{"value": [1, "5"]}], warnings=["one store is away"]),
         "in doubt: ['one store is away']", FailureClass.JOURNEY),
    ],
)  # fmt: skip
def test_a_server_that_answers_something_else_is_an_error(
    site: Site, body: str, says: str, failure: FailureClass
) -> None:
    site.answers[QUERY_PATH] = Answer(body, kind="application/json")

    run = ask(site.url)

    assert (run.outcome, run.failure, run.value) == (Outcome.ERROR, failure, None)
    assert says in run.reason
    assert run.reason.isprintable()
    assert len(run.reason) <= 500


def test_an_answer_too_long_for_one_number_is_not_read_to_its_end(site: Site) -> None:
    def pour(handler: Any) -> None:
        # What is left unread of the question would reset the line under the answer.
        handler.rfile.read(int(handler.headers["Content-Length"]))
        handler.send_response(200)
        handler.end_headers()
        for _ in range(500):
            handler.wfile.write(b" " * 100_000)

    site.answers[QUERY_PATH] = Answer(pour)

    run = ask(site.url)

    assert (run.outcome, run.failure) == (Outcome.ERROR, FailureClass.JOURNEY)
    assert "longer than 1000000 bytes" in run.reason


@pytest.mark.parametrize(
    ("says", "failure"),
    [
        ("hang", FailureClass.NO_FIRST_BYTE),
        ("hang_after_headers", FailureClass.STALLED),
        ("drip", FailureClass.STALLED),
    ],
)
def test_a_server_that_is_slow_is_an_error_in_time(
    site: Site, says: str, failure: FailureClass
) -> None:
    site.answers[QUERY_PATH] = Answer(getattr(site, says))

    run = ask(site.url, timeout_s=0.4)

    assert (run.outcome, run.failure) == (Outcome.ERROR, failure)
    assert run.duration_s < 2


def test_an_address_that_leads_nowhere_is_an_error() -> None:
    refused = ask(f"http://127.0.0.1:{closed_port()}")
    nameless = ask("http://nobody.invalid")

    assert (refused.outcome, refused.failure) == (Outcome.ERROR, FailureClass.REFUSED)
    assert (nameless.outcome, nameless.failure) == (Outcome.ERROR, FailureClass.DNS)


def test_the_question_goes_as_a_form_with_headers_and_cookies(site: Site) -> None:
    seen: dict[str, str] = {}

    def note(handler: Any) -> None:
        seen.update(handler.headers.items(), method=handler.command)
        seen["body"] = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(answer("scalar", [1, "5"]).encode())

    site.answers[QUERY_PATH] = Answer(note)

    run = ask(site.url, "sum(x) + 1", headers={"X-Scope-OrgID": "tenant"}, timeout_s=2)

    assert run.value == 5
    assert (seen["method"], seen["X-Scope-OrgID"]) == ("POST", "tenant")
    assert seen["Cookie"] == "session=own-cookie"
    assert seen["body"] == "query=sum%28x%29+%2B+1&timeout=2000ms"


def test_a_redirect_is_not_followed_with_our_headers(site: Site) -> None:
    site.answers[QUERY_PATH] = Answer(status=302, headers={"Location": f"{site.url}/next"})

    run = ask(site.url)

    assert (run.outcome, run.failure) == (Outcome.ERROR, FailureClass.NETWORK)
    assert "/next" not in site.hits
