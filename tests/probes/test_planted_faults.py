"""Faults that a drill plants: real to its own browser, and met by nobody else."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.schema import InjectedFault, TargetSpec
from probes.model import FailedRequest, Outcome, Purpose, Run
from probes.runner import Job, Runner
from tests.probes.conftest import FLAG, Answer, Site, Stage, job
from tests.probes.pools import Watched

pytestmark = pytest.mark.browser

API = "/representation_management/v0/power_of_attorney"
#: Asks the API as the widget does, and puts the answer's status into the title.
ASKS = """<!doctype html><h1>Site</h1><script>
fetch("%s/api", {credentials: "include", headers: {"X-Key-Inflection": "camel"}})
  .then(async (answer) => { document.title = answer.status + " " + await answer.text(); })
  .catch((cause) => { document.title = "" + cause; });
</script>"""


def fault(url: str, **does: Any) -> InjectedFault:
    return InjectedFault(url=url, **does)


def meets(target: TargetSpec, see: str, *faults: InjectedFault, **more: Any) -> Job:
    params = {"see": see, **more.pop("params", {})}
    return job("meets", target, params, inject=faults, **more)


@pytest.fixture
def asking(site: Site) -> Site:
    site.answers["/"] = Answer(ASKS % "")
    site.answers["/api"] = Answer('{"fine": true}', kind="application/json")
    return site


FINE = '200 {"fine": true}'


def test_a_planted_answer_is_what_page_journey_and_evidence_see(
    runner: Runner, asking: Site
) -> None:
    broken = meets(
        asking.target,
        '500 {"errors": []}',
        fault("**/api", status=500, body='{"errors": []}'),
        params={"statuses": {"/api": [500]}},
    )

    run = runner.execute(broken)

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
    assert FailedRequest("GET", f"{asking.url}/api", 500) in run.failed_requests
    assert any("500" in error for error in run.console_errors)
    assert "/api" not in asking.hits, "the target was left alone"


def test_a_planted_fault_is_gone_with_its_run(runner: Runner, asking: Site) -> None:
    runner.execute(meets(asking.target, "", fault("**/api", status=500)))

    run = runner.execute(meets(asking.target, FINE, params={"statuses": {"/api": [200]}}))

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
    assert run.failed_requests == ()


def test_a_planted_abort_reads_like_a_connection_that_broke(runner: Runner, asking: Site) -> None:
    run = runner.execute(
        meets(
            asking.target,
            "TypeError: Failed to fetch",
            fault("**/api", abort=True),
            params={"statuses": {"/api": [None]}},
        )
    )

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
    reset = FailedRequest("GET", f"{asking.url}/api", None, "net::ERR_CONNECTION_RESET")
    assert reset in run.failed_requests


def test_a_planted_delay_holds_back_one_answer_and_nothing_else(
    runner: Runner, asking: Site
) -> None:
    second = "<script>fetch('/quick').then(() => performance.mark('quick'))</script>"
    asking.answers["/"] = Answer(ASKS % "" + second)
    asking.answers["/quick"] = Answer("quick")
    waited = job(
        "opens",
        asking.target,
        {"wait_for": "performance.getEntriesByName('quick').length && document.title"},
        inject=(fault("**/api", delay_s=0.5),),
    )

    run = runner.execute(waited)

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
    assert run.duration_s >= 0.5
    assert asking.hits.index("/quick") < asking.hits.index("/api")


def test_a_delay_longer_than_the_run_ends_with_the_run(runner: Runner, asking: Site) -> None:
    began = time.monotonic()

    run = runner.execute(meets(asking.target, FINE, fault("**/api", delay_s=3600), timeout_s=1.0))

    assert time.monotonic() - began < 2.5
    assert run.outcome is Outcome.FAILED
    assert "/api" not in asking.hits
    again = runner.execute(meets(asking.target, FINE))
    assert (again.outcome, again.reason) == (Outcome.PASSED, "")


def test_of_several_faults_on_one_request_the_first_one_listed_is_met_first(
    runner: Runner, asking: Site
) -> None:
    late = fault("**/api", delay_s=0.4)
    broken = fault("**/a*", status=503, body="busy")

    both = runner.execute(meets(asking.target, "503 busy", late, broken))
    first = runner.execute(meets(asking.target, "503 busy", broken, late))

    assert (both.outcome, both.reason) == (Outcome.PASSED, "")
    assert (first.outcome, first.reason) == (Outcome.PASSED, "")
    assert both.duration_s >= 0.4 > first.duration_s


@pytest.mark.parametrize(
    ("does", "error"),
    [({"status": 503, "body": "busy"}, "503"), ({"abort": True}, "net::ERR_CONNECTION_RESET")],
)
def test_the_page_itself_can_be_what_breaks(
    runner: Runner, asking: Site, does: dict[str, Any], error: str
) -> None:
    page = fault(f"{asking.url}/", **does)

    run = runner.execute(job("opens", asking.target, {"see": "Site"}, inject=(page,)))

    assert run.outcome is Outcome.FAILED
    seen = run.failed_requests[0]
    assert error in (str(seen.status), seen.error)
    assert asking.hits == []


@pytest.fixture
def api() -> Iterator[Site]:
    """The site's API on an origin of its own, as the real one is."""
    other = Site()
    thread = threading.Thread(target=other.serve_forever, args=(0.05,))
    thread.start()
    yield other
    other.shutdown()
    thread.join(timeout=10)
    other.server_close()


def test_another_origin_that_is_asked_with_credentials_and_preflight_shows_its_fault_to_the_page(
    runner: Runner, site: Site, api: Site
) -> None:
    site.answers["/"] = Answer(ASKS % api.url)
    target = TargetSpec(name="site", base_url=site.url, api_url=api.url)

    run = runner.execute(meets(target, "503 busy", fault("**/api", status=503, body="busy")))

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
    assert api.hits == []


# --- beside what a probe plants anyway ----------------------------------------------------------

TOGGLES = "/v0/feature_toggles"
READS = """<!doctype html><h1>Site</h1><script>
fetch("/v0/feature_toggles").then(async (answer) => {
  const flags = answer.ok ? (await answer.json()).data.features : [];
  document.title = answer.status + " " + flags.map((flag) => flag.value).join();
});</script>"""


@pytest.fixture
def toggling(site: Site) -> Site:
    answer = {"data": {"type": "t", "features": [{"name": FLAG, "value": True}]}}
    site.answers["/"] = Answer(READS)
    site.answers[TOGGLES] = Answer(json.dumps(answer), kind="application/json")
    return site


FORCED = {"force_flags": {FLAG: False}}


def test_a_late_toggle_answer_is_still_forced(runner: Runner, toggling: Site) -> None:
    late = fault("**/v0/*", delay_s=0.4)

    run = runner.execute(meets(toggling.target, "200 false,false", late, probe=FORCED))

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
    assert run.duration_s >= 0.4
    assert run.toggles is not None
    assert run.toggles.values[FLAG] is False


def test_a_toggle_answer_that_is_planted_is_not_forced(runner: Runner, toggling: Site) -> None:
    broken = fault("**/v0/feature_toggles*", status=500)

    run = runner.execute(meets(toggling.target, "500", broken, probe=FORCED))

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
    assert run.toggles is not None
    assert run.toggles.error == "the toggle service answered 500"
    assert TOGGLES not in toggling.hits


def test_a_fault_beside_the_toggles_leaves_them_forced(runner: Runner, toggling: Site) -> None:
    asks_both = """<!doctype html><script>
        Promise.all([fetch("/v0/feature_toggles").then((answer) => answer.json()), fetch("/api")])
          .then(() => { document.title = "both"; });
        </script>"""
    toggling.answers["/"] = Answer(asks_both)

    run = runner.execute(meets(toggling.target, "both", fault("**/api", status=500), probe=FORCED))

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
    assert FailedRequest("GET", f"{toggling.url}/api", 500) in run.failed_requests
    assert run.toggles is not None
    assert run.toggles.values == {FLAG: False, "representativeStatusEnabled": False}


def test_a_blocked_host_stays_blocked_and_is_no_evidence(runner: Runner, asking: Site) -> None:
    target = asking.target.model_copy(update={"block": ("**/api",)})
    everything = fault("**/api", status=500)

    run = runner.execute(meets(target, "TypeError: Failed to fetch", everything))

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")
    assert [each for each in run.failed_requests if each.url.endswith("/api")] == []
    assert "/api" not in asking.hits


def test_a_service_worker_does_not_answer_in_the_place_of_a_fault(
    runner: Runner, asking: Site
) -> None:
    worker = """
        addEventListener("install", () => skipWaiting());
        addEventListener("activate", (event) => event.waitUntil(clients.claim()));
        addEventListener("fetch", (event) => {
          if (event.request.url.endsWith("/api")) event.respondWith(new Response("kept"));
        });"""
    asking.answers["/worker.js"] = Answer(worker, kind="text/javascript")
    asking.answers["/"] = Answer(
        """<!doctype html><h1>Site</h1><script>
        const registered = navigator.serviceWorker.register("/worker.js");
        const taken = new Promise((resolve) => {
          navigator.serviceWorker.addEventListener("controllerchange", resolve);
          setTimeout(resolve, 700);
        });
        Promise.allSettled([registered, taken]).then(async () => {
          const answer = await fetch("/api");
          document.title = answer.status + " " + await answer.text();
        });</script>"""
    )

    run = runner.execute(meets(asking.target, "500", fault("**/api", status=500)))

    assert (run.outcome, run.reason) == (Outcome.PASSED, "")


# --- on the stage -------------------------------------------------------------------------------


def walk(runner: Runner, stage: Stage, *faults: InjectedFault, force: bool = False) -> Run:
    params = {"expect": "flag_off" if force else "representative", "name": "Pat Q. Example"}
    probe = {
        "cookies": {"stage_user": "representative"},
        "force_flags": {FLAG: False} if force else {},
    }
    return runner.execute(
        job("representative_status", stage.target, params, probe=probe, inject=faults)
    )


def test_the_widget_breaks_for_the_drill_while_its_control_and_everybody_else_are_fine(
    runner: Runner, stage: Stage
) -> None:
    broken = fault(f"**{API}*", status=500, body='{"errors": []}')

    drilled = walk(runner, stage, broken)
    control = walk(runner, stage, broken, force=True)
    other = walk(runner, stage)

    assert drilled.outcome is Outcome.FAILED
    assert "API 500" in drilled.reason
    assert (control.outcome, control.reason) == (Outcome.PASSED, "")
    assert (other.outcome, other.reason) == (Outcome.PASSED, "")


def test_two_browsers_at_the_same_time_do_not_share_a_fault(asking: Site, tmp_path: Path) -> None:
    watched = Watched(uuid.uuid4().hex, workers=2)
    here, there = str(tmp_path / "here"), str(tmp_path / "there")
    broken = fault("**/api", status=500, body="planted")
    drill = meets(asking.target, "500 planted", broken, params={"beside": [here, there]})
    other = meets(asking.target, FINE, params={"beside": [there, here]})
    drill = replace(drill, purpose=Purpose.DRILL)
    try:
        watched.pool.submit(drill)
        watched.pool.submit(other)
        runs = {run.id: run for run in (watched.next(20), watched.next(20))}
    finally:
        watched.pool.stop(5)

    assert {run.outcome for run in runs.values()} == {Outcome.PASSED}
    assert runs[drill.id].purpose is Purpose.DRILL
    assert FailedRequest("GET", f"{asking.url}/api", 500) in runs[drill.id].failed_requests
    assert runs[other.id].failed_requests == ()
    assert watched.left() == []
