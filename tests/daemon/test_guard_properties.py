"""What holds for a guard whatever it is told, in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from daemon.guard import GuardState, Phase, advance
from daemon.guard.messages import (
    CloseIncident,
    Flip,
    OpenIncident,
    OperatorAsked,
    RunProbe,
    SwitchCircuit,
)
from daemon.turn import EVIDENCE_JSON, STATE_JSON
from daemon.verdict import ControlFinding, ControlRan, ProofRan, Verdict
from probes.model import Outcome
from tests.daemon.build import FLAG
from tests.daemon.tellings import (
    LIMIT,
    Action,
    F,
    Recorded,
    Telling,
    changes,
    one,
    own_stories,
    raises,
    run_of,
    runs,
    stories,
    told,
)

quick = settings(max_examples=100, deadline=None)


# --- properties of each telling ---------------------------------------------------------------


def no_trip_before_the_limit_and_the_confirmations(story: Recorded, each: Telling) -> None:
    if not any(not flip.again for flip in each.acts):
        return
    spec = story.spec
    failed = [run for run in each.runs if run.outcome is Outcome.FAILED]
    exposed = [run for run in failed if run.exposure and run.exposure.value is (not spec.acts_to)]
    enough = 0
    for location in {run.location for run in exposed}:
        here = [run for run in exposed if run.location == location]
        hard = [run for run in here if run.hard]
        enough += len(here) >= spec.confirmations or len(hard) >= spec.hard_confirmations
    assert enough >= spec.quorum
    assert len(failed) > LIMIT


def no_trip_without_a_fresh_control_that_passed(story: Recorded, each: Telling) -> None:
    for act in each.acts:
        assert each.control is not None
        helps = {ControlFinding.PASSES, ControlFinding.POWERLESS if act.again else None}
        assert each.control.finding in helps
        age_s = (each.now - each.control.started_at).total_seconds()
        assert age_s <= story.spec.control_max_age_s


def the_thing_fails_both_before_and_after_the_control(story: Recorded, each: Telling) -> None:
    if each.acts and not each.acts[0].again and each.control is not None:
        failed = [run.started_at for run in each.runs if run.outcome is Outcome.FAILED]
        assert min(failed) <= each.control.started_at <= max(failed)


def a_guard_that_must_keep_its_hands_off_does(story: Recorded, each: Telling) -> None:
    before, spec = each.before, story.spec
    bound = (
        before.held(each.now)
        or before.human_on(spec, each.now)
        or before.human_off(spec)
        or bool(before.latched)
        or spec.mode == "observe"
    )
    decided = before.kill is not None and before.probation is None
    steps = [
        flip for flip in each.flips if flip.by == "guard" and raises(flip) and not flip.fallback
    ]
    assert not (bound and (each.acts or steps))
    assert not (decided and each.acts)
    fallback = [d for d in each.decisions if isinstance(d, SwitchCircuit) and d.open]
    by_a_person = isinstance(each.evidence, OperatorAsked)
    assert not (bound and fallback and not decided and not by_a_person)


def a_spent_budget_holds_back_every_kill_but_a_ramps_own(story: Recorded, each: Telling) -> None:
    if len(each.before.kills) >= story.spec.kills_per_day and each.before.updated_at is not None:
        day = [at for at in each.before.kills if (each.now - at).total_seconds() < 24 * 3600]
        if len(day) >= story.spec.kills_per_day:
            assert all(flip.again for flip in each.acts)


def only_a_person_or_a_ramp_that_a_person_wrote_raises_exposure(
    story: Recorded, each: Telling
) -> None:
    for flip in (flip for flip in each.flips if not flip.fallback):
        assert raises(flip) is (flip.to is not story.spec.acts_to)
        if not raises(flip):
            continue
        if isinstance(each.evidence, OperatorAsked):
            assert (each.evidence.verb, flip.restore, flip.by) == ("reset", True, "ann")
            continue
        kill = each.before.kill
        assert kill is not None
        assert (story.spec.recovery, story.spec.mode, kill.by) == ("ramp", "enforce", "guard")
        assert kill.verified_at is not None
        assert not kill.resetting


def the_fallback_comes_before_the_act(story: Recorded, each: Telling) -> None:
    flags = [flip.flag for flip in each.flips if not raises(flip)]
    assert flags in ([], [FLAG], ["plain_page"], ["plain_page", FLAG])


def a_run_told_twice_changes_nothing(story: Recorded, each: Telling) -> None:
    if isinstance(each.evidence, Verdict | ControlRan | ProofRan):
        assert advance(story.spec, each.after, each.evidence, each.now) == (each.after, ())


def equal_arguments_give_equal_results(story: Recorded, each: Telling) -> None:
    again = advance(story.spec, each.before, each.evidence, each.now)
    assert again == (each.after, each.decisions)


def state_and_evidence_survive_json(story: Recorded, each: Telling) -> None:
    def there_and_back(adapter: TypeAdapter[Any], value: Any) -> Any:
        return adapter.validate_json(adapter.dump_json(value))

    assert there_and_back(STATE_JSON, each.after) == each.after
    assert there_and_back(EVIDENCE_JSON, each.evidence) == each.evidence


def unknown_evidence_decides_no_flip_and_no_incident(story: Recorded, each: Telling) -> None:
    unknown = isinstance(each.evidence, Verdict) and not each.evidence.run_outcome.judges
    if unknown or getattr(each.evidence, "finding", None) is ControlFinding.UNKNOWN:
        kinds = (Flip, OpenIncident, CloseIncident, SwitchCircuit)
        assert not [d for d in each.decisions if isinstance(d, kinds)]


def one_thing_that_happens_asks_for_few_runs(story: Recorded, each: Telling) -> None:
    assert len([d for d in each.decisions if isinstance(d, RunProbe)]) <= 2


PROPERTIES: tuple[Callable[[Recorded, Telling], None], ...] = (
    no_trip_before_the_limit_and_the_confirmations,
    no_trip_without_a_fresh_control_that_passed,
    the_thing_fails_both_before_and_after_the_control,
    a_guard_that_must_keep_its_hands_off_does,
    a_spent_budget_holds_back_every_kill_but_a_ramps_own,
    only_a_person_or_a_ramp_that_a_person_wrote_raises_exposure,
    the_fallback_comes_before_the_act,
    a_run_told_twice_changes_nothing,
    equal_arguments_give_equal_results,
    state_and_evidence_survive_json,
    unknown_evidence_decides_no_flip_and_no_incident,
    one_thing_that_happens_asks_for_few_runs,
)


@pytest.mark.parametrize("holds", PROPERTIES, ids=lambda check: check.__name__)
@quick
@given(actions=stories, how=changes)
def test_whatever_a_guard_is_told(
    holds: Callable[[Recorded, Telling], None], actions: list[Action], how: dict[str, Any]
) -> None:
    story = told(actions, how)
    for telling in story.tellings:
        holds(story, telling)


# --- properties of whole stories --------------------------------------------------------------


@quick
@given(actions=stories, how=changes)
def test_at_most_one_incident_is_open_and_only_the_open_one_closes(
    actions: list[Action], how: dict[str, Any]
) -> None:
    open_now: str | None = None
    story = told(actions, how)
    for decision in story.ever:
        if isinstance(decision, OpenIncident):
            assert open_now is None
            open_now = decision.incident.id
        elif isinstance(decision, CloseIncident):
            assert open_now == decision.incident.id
            open_now = None
    assert open_now == (story.state.incident.id if story.state.incident else None)


@quick
@given(actions=stories, how=changes)
def test_trips_and_resets_alternate_where_nobody_changes_the_flag_himself(
    actions: list[Action], how: dict[str, Any]
) -> None:
    story = told(
        [action for action in actions if action[0] != "flag"], {**how, "recovery": "manual"}
    )
    kinds = [flip.restore for flip in story.flips if not flip.fallback]
    assert kinds == [bool(n % 2) for n in range(len(kinds))]


@quick
@given(actions=stories, how=changes)
def test_a_fallback_is_fired_and_let_go_in_turn(actions: list[Action], how: dict[str, Any]) -> None:
    story = told(actions, how)
    kinds = [flip.restore for flip in story.flips if flip.fallback]
    assert kinds == [bool(n % 2) for n in range(len(kinds))]
    assert len([s for s in story.ever_asked(SwitchCircuit)]) == len(kinds)


@quick
@given(actions=stories, how=changes)
def test_what_was_told_rebuilds_the_state(actions: list[Action], how: dict[str, Any]) -> None:
    story = told(actions, how)
    state = GuardState.new()
    for telling in story.tellings:
        state, _ = advance(story.spec, state, telling.evidence, telling.now)
    assert state == story.state


@quick
@given(
    actions=own_stories,
    unknown=st.sampled_from(["E", "S", "control"]),
    where=st.integers(0, 25),
    times=st.integers(1, 3),
    how=changes,
)
def test_an_unknown_inserted_anywhere_never_adds_a_trip(
    actions: list[Action], unknown: str, where: int, times: int, how: dict[str, Any]
) -> None:
    story = told(actions, how)
    other = Recorded(**how)
    for n, action in enumerate([*actions, ("time", 0)]):
        if n == min(where, len(actions)):
            for each in range(times):
                if unknown == "control":
                    name = f"unknown-{each}"
                    other.tell(ControlRan(ControlFinding.UNKNOWN, name, other.now))
                else:  # a run takes a second, which must not make the others late
                    other.wait(-1).runs_in(unknown, location="a")
        one(action, other)
    assert len(other.flips) <= len(story.flips)


@quick
@given(
    actions=st.lists(
        run_of("FFFPE", [False, None])
        | st.tuples(st.just("control"), st.sampled_from(["passes", "fails", "unknown"])),
        max_size=40,
    ),
    how=changes,
)
def test_a_fault_under_which_no_page_is_told_the_exposing_value_never_trips(
    actions: list[Action], how: dict[str, Any]
) -> None:
    assert not told(actions, how).flips


@quick
@given(
    actions=st.lists(
        runs | st.tuples(st.just("control"), st.sampled_from(["fails", "powerless", "unknown"])),
        max_size=40,
    ),
    how=changes,
)
def test_a_site_whose_control_never_passes_never_trips(
    actions: list[Action], how: dict[str, Any]
) -> None:
    assert not [flip for flip in told(actions, how).flips if not flip.fallback]


@quick
@given(actions=stories, how=changes, back_s=st.integers(1, 10**6))
def test_a_guards_time_never_runs_backwards(
    actions: list[Action], how: dict[str, Any], back_s: int
) -> None:
    story = told([*actions, F], how)
    last = story.tellings[-1]
    story.wait(-back_s)
    with pytest.raises(ValueError, match="before the state's"):
        advance(story.spec, last.after, last.evidence, story.now)
    with pytest.raises(ValueError, match="aware"):
        advance(story.spec, last.after, last.evidence, last.now.replace(tzinfo=None))


def test_these_stories_reach_every_phase() -> None:
    """Guards the properties above against passing because nothing ever happens."""
    reached: set[Phase] = set()
    counted: dict[str, int] = {"trips": 0, "again": 0, "steps": 0}

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(actions=stories, how=changes)
    def look(actions: list[Action], how: dict[str, Any]) -> None:
        story = Recorded(**how)
        for action in actions:
            one(action, story)
            reached.add(story.phase)
        acts = [act for telling in story.tellings for act in telling.acts]
        counted["trips"] += len([act for act in acts if not act.again])
        counted["again"] += len([act for act in acts if act.again])
        counted["steps"] += len([flip for flip in story.flips if flip.step is not None])

    look()
    assert reached == set(Phase)
    assert counted["trips"] > 20
    assert counted["again"] > 1
    assert counted["steps"] > 20
