"""HTTP probes against a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from config.schema import JsonExpectation, RequestProbe, SoftLimits, TargetSpec, UplinkSpec
from probes.model import Outcome, Purpose, Run
from probes.runner import Job, Runner
from tests.probes.conftest import Answer, Site, closed_port, uplink_at


def ask(target: TargetSpec, uplink: UplinkSpec | None = None, **probe: Any) -> Run:
    spec = RequestProbe(
        name="probe", target=target.name, kind="request", **{"timeout_s": 2.0, **probe}
    )
    job = Job(spec, target, "local", Purpose.SCHEDULED, uplink=uplink or UplinkSpec())
    return Runner().execute(job)


def expecting(path: str, equals: Any) -> dict[str, Any]:
    return {"json_expect": (JsonExpectation(path=path, equals=equals),)}


def test_an_answer_as_expected_passes_and_times_its_parts(site: Site) -> None:
    site.answers["/"] = Answer(json.dumps({"status": {"ok": True}}), kind="application/json")

    run = ask(site.target, **expecting("$.status.ok", True))

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
    assert [step.name for step in run.steps] == ["first byte", "whole answer"]
    assert Run.from_json(run.to_json()) == run


@pytest.mark.parametrize(
    ("body", "path", "equals", "says"),
    [
        ('{"ok": false}', "$.ok", True, "$.ok: expected True, saw False"),
        ('{"ok": 1}', "$.ok", True, "$.ok: expected True, saw 1"),
        ('{"ok": true}', "$.ok", 1, "$.ok: expected 1, saw True"),
        ("{}", "$.ok", True, "saw nothing"),
        ("<!doctype html>", "$.ok", True, "the body is not JSON"),
        ("[" * 100_000, "$.ok", True, "the body is not JSON"),
        ('{"ok": "' + "y" * 5_000 + '"}', "$.ok", True, "saw 'yyy"),
    ],
)
def test_another_body_than_promised_fails_and_is_quoted_shortly(
    site: Site, body: str, path: str, equals: Any, says: str
) -> None:
    site.answers["/"] = Answer(body)

    run = ask(site.target, **expecting(path, equals))

    assert run.outcome is Outcome.FAILED
    assert says in run.reason
    assert len(run.reason) <= 500


def test_another_status_than_promised_fails(site: Site) -> None:
    site.answers["/"] = Answer("down", status=503)

    run = ask(site.target)

    assert run.outcome is Outcome.FAILED
    assert run.reason == "status: expected 200, saw 503"
    assert ask(site.target, status=(200, 503)).outcome is Outcome.PASSED


def test_a_redirect_is_an_answer_and_is_not_followed(site: Site) -> None:
    site.answers["/"] = Answer(status=302, headers={"Location": f"{site.url}/next"})

    assert ask(site.target).reason == "status: expected 200, saw 302"
    assert ask(site.target, status=(302,)).outcome is Outcome.PASSED
    assert "/next" not in site.hits


def test_method_headers_cookies_and_body_arrive(site: Site) -> None:
    seen: dict[str, str] = {}

    def note(handler: Any) -> None:
        seen.update(handler.headers.items(), method=handler.command)
        seen["body"] = handler.rfile.read(int(handler.headers["Content-Length"])).decode()
        handler.send_response(204)
        handler.end_headers()

    site.answers["/form"] = Answer(note)
    target = site.target.model_copy(update={"cookies": {"FLIPPER_ID": "probe-11"}})

    run = ask(
        target, path="/form", method="POST", headers={"X-Who": "probe"}, body="a=1", status=(204,)
    )

    assert run.outcome is Outcome.PASSED, run.reason
    assert (seen["method"], seen["X-Who"], seen["body"]) == ("POST", "probe", "a=1")
    assert seen["Cookie"] == "FLIPPER_ID=probe-11"


def test_a_huge_body_is_not_read_to_its_end(site: Site) -> None:
    sent: list[int] = []

    def pour(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        sent.extend(handler.wfile.write(b" " * 100_000) for _ in range(500))

    site.answers["/"] = Answer(pour)

    run = ask(site.target, **expecting("$.ok", True))

    assert run.outcome is Outcome.FAILED
    assert "longer than" in run.reason
    assert sum(sent) < 30_000_000


def test_a_body_that_drips_is_not_waited_for_past_the_time_out(site: Site) -> None:
    site.answers["/"] = Answer(site.drip)

    run = ask(site.target, timeout_s=0.5)

    assert run.outcome is Outcome.FAILED
    assert run.reason == "the body was not complete after 0.5 s"
    assert run.duration_s < 1.5


def test_a_body_that_stops_half_way_fails_whatever_the_uplink_says(site: Site) -> None:
    site.answers["/"] = Answer(site.hang_after_headers)

    run = ask(site.target, uplink_at(f"http://127.0.0.1:{closed_port()}"), timeout_s=0.5)

    assert run.outcome is Outcome.FAILED
    assert "not complete" in run.reason


@pytest.mark.parametrize("coding", ["gzip", "chunked"])
def test_a_coded_body_is_decoded(site: Site, coding: str) -> None:
    import gzip

    def send(handler: Any) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        plain = b'{"ok": true}'
        if coding == "gzip":
            handler.send_header("Content-Encoding", "gzip")
            body = gzip.compress(plain)
        else:
            handler.send_header("Transfer-Encoding", "chunked")
            body = b"".join(b"1\r\n%c\r\n" % byte for byte in plain) + b"0\r\n\r\n"
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(body)

    site.answers["/"] = Answer(send)

    run = ask(site.target, **expecting("$.ok", True))

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")


def test_a_body_that_breaks_off_fails(site: Site) -> None:
    def send(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"{")

    site.answers["/"] = Answer(send)

    run = ask(site.target)

    assert run.outcome is Outcome.FAILED
    assert "broke off after" in run.reason


def test_a_refused_connection_is_judged_by_the_uplink(site: Site) -> None:
    nobody = TargetSpec(name="nobody", base_url=f"http://127.0.0.1:{closed_port()}")

    present = ask(nobody, uplink_at(site.url))
    absent = ask(nobody, uplink_at(f"http://127.0.0.1:{closed_port()}"))

    assert (present.outcome, absent.outcome) == (Outcome.FAILED, Outcome.ERROR)
    assert present.reason.startswith("no answer")
    assert "uplink is away" in absent.reason


def test_silence_is_judged_by_the_uplink(site: Site) -> None:
    site.answers["/"] = Answer(site.hang)

    present = ask(site.target, uplink_at(f"{site.url}/up"), timeout_s=0.3)
    absent = ask(site.target, uplink_at(f"http://127.0.0.1:{closed_port()}"), timeout_s=0.3)

    assert (present.outcome, absent.outcome) == (Outcome.FAILED, Outcome.ERROR)


def test_a_name_that_is_not_resolved_is_an_error() -> None:
    run = ask(TargetSpec(name="nobody", base_url="http://nobody.invalid"))

    assert run.outcome is Outcome.ERROR
    assert run.reason.startswith("name not resolved")


def test_a_proxy_of_ours_that_is_away_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")

    run = ask(TargetSpec(name="somebody", base_url="http://somebody.invalid"))

    assert run.outcome is Outcome.ERROR
    assert run.reason.startswith("our proxy")


def test_a_request_that_cannot_be_sent_is_an_error(site: Site) -> None:
    run = ask(site.target, headers={"X-Bad": "two\nlines"})

    assert run.outcome is Outcome.ERROR
    assert run.reason.startswith("the probe's own request")


def test_a_slow_answer_is_degraded_at_its_soft_limit(site: Site) -> None:
    site.answers["/"] = Answer("here")

    slow = ask(site.target, soft_limits=SoftLimits(duration_s=0.000_001))

    assert slow.outcome is Outcome.DEGRADED
    assert "duration_s" in slow.reason
    assert ask(site.target, soft_limits=SoftLimits(duration_s=10)).outcome is Outcome.PASSED
