"""Faults of the network, each produced for real, and whose they were."""

from __future__ import annotations

import socket
import struct
from typing import Any

import pytest

from config.schema import TargetSpec, UplinkSpec
from probes.model import Outcome, Run
from probes.runner import Runner
from tests.probes.conftest import Answer, Site, closed_port, job, uplink_at

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("next_run_works")]


def at(url: str) -> TargetSpec:
    return TargetSpec(name="elsewhere", base_url=url)


def opened(runner: Runner, target: TargetSpec, uplink: UplinkSpec | None = None) -> Run:
    here = job("opens", target, timeout_s=0.7, uplink=uplink or UplinkSpec())
    return runner.execute(here)


def away() -> UplinkSpec:
    return uplink_at(f"http://127.0.0.1:{closed_port()}")


def test_a_refused_connection_is_the_targets_fault_while_the_uplink_answers(
    runner: Runner, site: Site
) -> None:
    nobody = at(f"http://127.0.0.1:{closed_port()}")

    present = opened(runner, nobody, uplink_at(site.url))
    absent = opened(runner, nobody, away())

    assert (present.outcome, absent.outcome) == (Outcome.FAILED, Outcome.ERROR)
    assert "ERR_CONNECTION_REFUSED" in present.reason
    assert "uplink is away" in absent.reason
    assert "ERR_CONNECTION_REFUSED" in absent.reason
    assert present.steps[-1].outcome is Outcome.FAILED
    assert absent.steps[-1].outcome is Outcome.ERROR


def test_a_connection_that_is_reset_is_the_targets_fault(runner: Runner, site: Site) -> None:
    def reset(handler: Any) -> None:
        linger = struct.pack("ii", 1, 0)  # close() then sends RST instead of FIN
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.rfile.close()
        handler.connection.close()

    site.answers["/"] = Answer(reset)

    run = opened(runner, site.target, uplink_at(f"{site.url}/up"))

    assert run.outcome is Outcome.FAILED
    assert "ERR_CONNECTION_RESET" in run.reason or "ERR_EMPTY_RESPONSE" in run.reason


def test_a_name_that_is_not_resolved_is_never_blamed_on_the_target(
    runner: Runner, site: Site
) -> None:
    run = opened(runner, at("http://nobody.invalid"), uplink_at(site.url))

    assert run.outcome is Outcome.ERROR
    assert "ERR_NAME_NOT_RESOLVED" in run.reason


def test_a_port_that_does_not_speak_tls_is_the_targets_fault(runner: Runner, site: Site) -> None:
    run = opened(runner, at(site.url.replace("http:", "https:")), uplink_at(site.url))

    assert run.outcome is Outcome.FAILED
    assert "net::ERR_" in run.reason


@pytest.mark.parametrize(("uplink", "outcome"), [("up", "failed"), ("away", "error")])
def test_a_page_that_never_answers_is_judged_by_the_uplink(
    runner: Runner, site: Site, uplink: str, outcome: str
) -> None:
    site.answers["/"] = Answer(site.hang)
    reference = away() if uplink == "away" else uplink_at(f"{site.url}/up")

    run = opened(runner, site.target, reference)

    assert run.outcome == outcome
    assert "no answer in time" in run.reason


def test_a_page_that_stops_after_its_first_byte_is_the_targets_fault_whatever_the_uplink_says(
    runner: Runner, site: Site
) -> None:
    site.answers["/"] = Answer(site.hang_after_headers)

    run = opened(runner, site.target, away())

    assert run.outcome is Outcome.FAILED


def test_a_later_page_that_never_answers_is_judged_by_the_uplink_too(
    runner: Runner, site: Site
) -> None:
    site.answers["/second"] = Answer(site.hang)

    there = job("opens", site.target, {"paths": ["/", "/second"]}, timeout_s=0.7, uplink=away())
    run = runner.execute(there)

    assert run.outcome is Outcome.ERROR
    assert [step.outcome for step in run.steps] == [Outcome.PASSED, Outcome.ERROR]


def test_a_promise_broken_because_our_name_server_lost_the_api_is_no_fault_of_the_targets(
    runner: Runner, site: Site
) -> None:
    # The API's host cannot be resolved here, so the page shows its error: kills must not follow.
    site.answers["/"] = Answer(
        "<!doctype html><h1>Trouble</h1><script>fetch('http://api.invalid/data')</script>"
    )
    target = TargetSpec(name="site", base_url=site.url, api_url="http://api.invalid")

    run = runner.execute(job("opens", target, {"see": "All is well"}))

    assert run.outcome is Outcome.ERROR
    assert "ERR_NAME_NOT_RESOLVED" in run.reason


def test_a_foreign_host_that_cannot_be_resolved_excuses_nothing(runner: Runner, site: Site) -> None:
    site.answers["/"] = Answer(
        "<!doctype html><h1>Trouble</h1><script>fetch('http://ads.invalid/x')</script>"
    )

    run = runner.execute(job("opens", site.target, {"see": "All is well"}))

    assert run.outcome is Outcome.FAILED


def test_a_promise_broken_while_the_api_is_unreachable_is_judged_by_the_uplink(
    runner: Runner, site: Site
) -> None:
    api = f"http://127.0.0.1:{closed_port()}"
    site.answers["/"] = Answer(
        f"<!doctype html><h1>Trouble</h1><script>fetch('{api}/data')</script>"
    )
    target = TargetSpec(name="site", base_url=site.url, api_url=api)

    present = runner.execute(job("opens", target, {"see": "Well"}, uplink=uplink_at(site.url)))
    absent = runner.execute(job("opens", target, {"see": "Well"}, uplink=away()))

    assert (present.outcome, absent.outcome) == (Outcome.FAILED, Outcome.ERROR)


def test_a_page_that_our_own_block_list_stops_is_our_fault(runner: Runner, site: Site) -> None:
    target = TargetSpec(name="site", base_url=site.url, block=("**/*",))

    run = runner.execute(job("opens", target, timeout_s=2))

    assert run.outcome is Outcome.ERROR
    assert "ERR_BLOCKED_BY_CLIENT" in run.reason
