"""The table of faults: whole in itself, and its quick part played end to end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from config.load import load
from daemon.guard import Phase
from probes.stage.faults import Fault
from tests.faults.acts import Break, Mend
from tests.faults.player import play
from tests.faults.scenario import Evidence, Kind, Scenario
from tests.faults.scene import Scene, a_scene
from tests.faults.table import TABLE
from tests.faults.variants import Variant, config_of

QUICK = sorted((scenario for scenario in TABLE if scenario.quick), key=lambda each: each.where)


def test_names_are_unique_and_there_are_enough() -> None:
    assert len({scenario.name for scenario in TABLE}) == len(TABLE) >= 60


def test_every_class_has_scenarios_and_one_or_two_of_each_are_quick() -> None:
    assert set(Counter(scenario.kind for scenario in TABLE)) == set(Kind)
    quick = Counter(scenario.kind for scenario in QUICK)
    assert set(quick) == set(Kind)
    assert max(quick.values()) <= 2


def test_every_fault_of_the_stage_is_used() -> None:
    used = {m.act.fault for s in TABLE for m in s.moments if isinstance(m.act, Break)}
    assert used == set(Fault)


def test_only_faults_that_came_are_mended() -> None:
    for scenario in TABLE:
        came: set[Fault] = set()
        for moment in scenario.moments:
            if isinstance(moment.act, Break):
                came.add(moment.act.fault)
            if isinstance(moment.act, Mend) and moment.act.fault is not None:
                assert moment.act.fault in came, scenario.name


def test_every_phase_must_be_reached() -> None:
    reached = {
        phase
        for scenario in TABLE
        for must in scenario.musts.values()
        for phase in (must.phase, *must.through)
    }
    assert reached - {None} == set(Phase)


def test_a_scenario_with_a_kill_says_what_its_evidence_is() -> None:
    assert not [s.name for s in TABLE if s.kills and s.evidence is Evidence.NONE]


def test_enough_hard_kills_are_measured_for_a_median() -> None:
    hard = [s for s in TABLE if s.measured and s.evidence is Evidence.HARD]
    assert len(hard) >= 8


@pytest.mark.parametrize("variant", Variant)
def test_every_variant_is_used_and_is_a_configuration(
    variant: Variant, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert any(scenario.where is variant for scenario in TABLE)
    folder = tmp_path_factory.mktemp(variant)
    env = {"TRIPFLAG_STATE_DIR": str(folder), "TRIPFLAG_FLAGS_URL": "postgresql://127.0.0.1/flags"}
    config = load(config_of(variant, folder), env)
    assert set(config.guards) == {"representative_status", "assessment"}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Variant], Scene]]:
    """One scene at a time: two daemons at once would slow each other down."""
    with ExitStack() as stack:
        at: dict[Variant, Scene] = {}

        def scene(variant: Variant) -> Scene:
            if variant not in at:
                stack.close()
                at.clear()
                folder = tmp_path_factory.mktemp(variant)
                at[variant] = stack.enter_context(a_scene(folder, variant))
            return at[variant]

        yield scene


@pytest.mark.browser
@pytest.mark.process
@pytest.mark.parametrize("scenario", QUICK, ids=lambda scenario: scenario.name)
def test_it_goes_as_it_must(scenario: Scenario, scenes: Callable[[Variant], Scene]) -> None:
    played = play(scenes(scenario.where), scenario)
    assert not played.wrong, "\n".join((*played.wrong, *played.story))
    assert (played.false_kills, played.missed_kills) == (0, 0)
