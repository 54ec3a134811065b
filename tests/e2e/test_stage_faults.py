"""Each fault of the stage, end to end: does the right guard trip, and only for the right reason?"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from daemon.app import Daemon, daemon_from
from daemon.demo import DEMO
from daemon.guard import Phase
from daemon.guard.messages import OperatorAsked
from daemon.history import runs_since
from daemon.web import ProbeBusy
from probes.model import Outcome
from probes.stage.faults import Fault
from tests.e2e.conftest import World, a_world, wait_for

pytestmark = pytest.mark.browser

WIDGET, ASSESSMENT = "representative_status", "assessment"
EXPOSING = {"representative_status_enabled": True, "assessment_fallback_enabled": False}
FLAG_OF = {WIDGET: "representative_status_enabled", ASSESSMENT: "assessment_fallback_enabled"}


@dataclass(frozen=True)
class Expected:
    """Where each guard must arrive, and what its probes' runs must be by then."""

    widget: Phase = Phase.ARMED
    assessment: Phase = Phase.ARMED
    outcome: Outcome = Outcome.PASSED


TRIPS = Expected(widget=Phase.KILLED)
FALLS_BACK = Expected(assessment=Phase.KILLED)
SITE = Expected(Phase.SITE_DOWN, Phase.SITE_DOWN, Outcome.FAILED)
BUSINESS = Expected(outcome=Outcome.SKIPPED)

MUST = {
    Fault.API_500: TRIPS,
    Fault.API_GARBAGE: TRIPS,
    Fault.API_HANG: TRIPS,
    Fault.API_WRONG_PERSON: TRIPS,
    Fault.DRAW_THROWS: TRIPS,
    Fault.WIDGET_WRONG_CONTENT: TRIPS,
    # No flag cures a script that dies before it reads the flag: say so, and write nothing.
    Fault.SCRIPT_404: Expected(Phase.POWERLESS, outcome=Outcome.FAILED),
    Fault.SCRIPT_THROWS: Expected(Phase.POWERLESS, outcome=Outcome.FAILED),
    Fault.API_401: BUSINESS,
    Fault.API_403: BUSINESS,
    Fault.API_422: BUSINESS,
    Fault.API_SLOW: Expected(),
    Fault.TOGGLES_SLOW: Expected(),
    Fault.PAGE_BLANK: Expected(Phase.SITE_DOWN, Phase.BLIND, Outcome.FAILED),
    Fault.PAGE_WRONG_CONTENT: Expected(Phase.SITE_DOWN, Phase.BLIND, Outcome.FAILED),
    Fault.SITE_500: SITE,
    Fault.SITE_HANG: SITE,
    Fault.TOGGLES_500: Expected(Phase.BLIND, Phase.BLIND, Outcome.SKIPPED),
    Fault.TOGGLES_GARBAGE: Expected(Phase.BLIND, Phase.BLIND, Outcome.SKIPPED),
    Fault.TOGGLES_MISSING_FLAG: Expected(Phase.BLIND, outcome=Outcome.SKIPPED),
    Fault.ASSESSMENT_API_500: FALLS_BACK,
    Fault.ASSESSMENT_STEP_STUCK: FALLS_BACK,
    Fault.ASSESSMENT_LOSES_DATA: FALLS_BACK,
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.fixture(scope="module")
def watching(stage: World) -> Iterator[Daemon]:
    daemon = daemon_from(DEMO, stage.env)
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.fixture
def daemon(stage: World, watching: Daemon) -> Iterator[Daemon]:
    """The watching daemon, all quiet; and made so again afterwards."""
    _quiet(stage, watching)
    yield watching
    stage.mend()
    for guard in (WIDGET, ASSESSMENT):
        if watching.engine.state(guard).kill is not None or watching.engine.state(guard).latched:
            watching.engine.ask(guard, OperatorAsked("reset", "test", "the fault is mended"))


def _quiet(stage: World, daemon: Daemon) -> None:
    stage.mend()
    since = datetime.now(UTC)

    def quiet() -> bool:
        _hurry(daemon)
        armed = set(daemon.engine.phases().values()) == {Phase.ARMED}
        return armed and _passing(daemon, since) >= _guarding(daemon)

    wait_for("both guards are armed and every probe passes", quiet)


def _guarding(daemon: Daemon) -> set[str]:
    return {probe for guard in daemon.config.guards.values() for probe in guard.probes}


def _passing(daemon: Daemon, since: datetime) -> set[str]:
    runs = runs_since(daemon.journal, since)
    return {run.probe for run in runs if run.outcome is Outcome.PASSED}


def _hurry(daemon: Daemon) -> None:
    """Run every guarding probe anew as soon as the pool is idle: no waiting for the schedule."""
    pool = daemon.pools["local"]
    if pool.busy + pool.waiting == 0:
        for probe in sorted(_guarding(daemon)):
            with suppress(ProbeBusy):
                daemon.scheduler.run_now(probe)


def test_every_fault_of_the_stage_has_an_expectation() -> None:
    assert set(MUST) == set(Fault)


@pytest.mark.parametrize("fault", list(MUST), ids=str)
def test_a_guard_trips_for_its_own_fault_and_for_no_other(
    fault: Fault, daemon: Daemon, stage: World
) -> None:
    expected = MUST[fault]
    wanted = {WIDGET: expected.widget, ASSESSMENT: expected.assessment}

    stage.fault(fault)
    since = datetime.now(UTC)

    def reached() -> bool:
        _hurry(daemon)
        return daemon.engine.phases() == wanted and _settled(daemon, since)

    wait_for(f"guards reach {wanted}", reached, 100)
    seen = {
        run.outcome for run in runs_since(daemon.journal, since) if run.probe in _guarding(daemon)
    }
    if expected.outcome is not Outcome.PASSED:
        assert expected.outcome in seen
    for guard, phase in wanted.items():
        flag = FLAG_OF[guard]
        tripped = phase is Phase.KILLED
        assert stage.flag(flag).exposing is (EXPOSING[flag] is not tripped)
        assert (daemon.engine.state(guard).kill is not None) is tripped


def _settled(daemon: Daemon, since: datetime) -> bool:
    """Say whether every guard had runs enough, begun after the fault, for a wrong trip.

    One that blames the site has had them: it says so only after as many as a kill needs.
    """
    began = [run.probe for run in runs_since(daemon.journal, since) if run.started_at >= since]
    phases = daemon.engine.phases()
    return all(
        began.count(probe) >= (1 if phases[name] in (Phase.SITE_DOWN, Phase.POWERLESS) else 3)
        for name, guard in daemon.config.guards.items()
        for probe in guard.probes
    )
