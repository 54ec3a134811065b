"""What holds for a guard whatever it is told, in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from daemon.guard import Decision, Evidence, GuardRefuses, GuardState, Phase, advance
from daemon.guard.messages import CloseIncident, Flip, OpenIncident, OperatorAsked
from daemon.turn import EVIDENCE_JSON, STATE_JSON
from daemon.verdict import ControlFinding, ControlRan, ProofRan, Verdict
from probes.model import Outcome, Run
from tests.daemon.story import Story

LIMIT = 2
quick = settings(max_examples=120, deadline=None)
Action = tuple[str, Any]


@dataclass(frozen=True)
class Telling:
    """One call of `advance`: what went in and what came out."""

    before: GuardState
    evidence: Evidence
    now: datetime
    after: GuardState
    decisions: tuple[Decision, ...]
    runs: tuple[Run, ...]
    control: ControlFinding | None

    @property
    def flips(self) -> list[Flip]:
        return [decision for decision in self.decisions if isinstance(decision, Flip)]

    @property
    def trips(self) -> list[Flip]:
        return [flip for flip in self.flips if flip.by == "guard"]


class Recorded(Story):
    """A story that keeps every telling."""

    def __init__(self, *rules: dict[str, Any], **changes: Any) -> None:
        super().__init__(*rules, **changes)
        self.tellings: list[Telling] = []
        self.measured: ControlFinding | None = None

    def tell(self, evidence: Evidence) -> Story:
        before = self.state
        story = super().tell(evidence)
        if isinstance(evidence, ControlRan) and evidence.finding is not ControlFinding.UNKNOWN:
            self.measured = evidence.finding
        self.tellings.append(
            Telling(
                before, evidence, self.now, self.state, self.last, tuple(self.runs), self.measured
            )
        )
        return story


def one(action: Action, story: Story) -> None:
    """Let one thing happen. The store only acknowledges or refuses flips that were decided."""
    what, how = action
    waiting = story.state.kill is not None and (
        story.state.kill.resetting or story.state.kill.written_at is None
    )
    with suppress(GuardRefuses):
        match what:
            case "run":
                story.runs_in(how[0], exposed=how[1])
            case "control":
                story.control(how)
            case "proof":
                story.proof(how)
            case "write" if waiting:
                restore = story.state.kill is not None and story.state.kill.resetting
                story.written(restore=restore) if how else story.write_fails(restore=restore)
            case "flag":
                story.flag_is(how)
            case "operator":
                story.operator(how[0], until_s=how[1] if how[0] == "hold" else None)
            case "wait":
                story.wait(how)


run_actions = st.tuples(
    st.just("run"),
    st.tuples(st.sampled_from("FFFFPES"), st.sampled_from([True, True, False, None])),
)
controls = st.tuples(
    st.just("control"), st.sampled_from(["passes", "passes", "fails", "powerless", "unknown"])
)
own = run_actions | controls
anything = st.one_of(
    run_actions,
    run_actions,
    run_actions,
    controls,
    controls,
    st.tuples(st.just("proof"), st.booleans()),
    st.tuples(st.just("write"), st.sampled_from([True, True, False])),
    st.tuples(st.just("flag"), st.booleans()),
    st.tuples(
        st.just("operator"),
        st.tuples(
            st.sampled_from(["trip", "reset", "reset", "hold", "release"]),
            st.sampled_from([None, 5]),
        ),
    ),
    st.tuples(st.just("wait"), st.sampled_from([1, 20, 40, 3600, 50_000])),
)
#: A killer's own life, so that stories get past their first trip.
failing: list[Action] = [("run", ("F", True))] * LIMIT
kill: list[Action] = [*failing, ("control", "passes"), *failing]
reset: list[Action] = [("operator", ("reset", None)), ("write", True)]
life: list[Action] = [*kill, ("write", True), ("proof", True), *reset]
site: list[Action] = [*failing, ("control", "fails"), *failing, ("control", "passes"), *failing]
powerless: list[Action] = [*failing, ("control", "powerless"), *failing]
blind: list[Action] = [("run", ("E", None))] * 4
stories = st.lists(
    st.lists(anything, max_size=6)
    | st.sampled_from([kill, life, life[:6], site, powerless, blind]),
    max_size=10,
).map(lambda parts: [action for part in parts for action in part])
changes = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["enforce", "enforce", "enforce", "observe"]),
        "act": st.sampled_from(["disable_flag", "disable_flag", "fallback"]),
        "confirmations": st.integers(1, 3),
        "clear_passes": st.integers(1, 3),
        "blind_after": st.integers(2, 4),
        "kills_per_day": st.integers(1, 3),
        "human_on_s": st.sampled_from([10, 3600]),
    }
)


def told(actions: list[Action], how: dict[str, Any]) -> Recorded:
    story = Recorded({"rule": "consecutive_failures", "limit": LIMIT}, **how)
    for action in actions:
        one(_turned(action, story), story)
    return story


def _turned(action: Action, story: Story) -> Action:
    # "True" above means exposed: a fallback guard's users are exposed while its flag is off.
    if action[0] == "run" and story.spec.acts_to and action[1][1] is not None:
        return ("run", (action[1][0], not action[1][1]))
    return action


# --- properties of each telling ---------------------------------------------------------------


def no_trip_before_the_limit_and_the_confirmations(story: Recorded, each: Telling) -> None:
    if each.trips:
        failed = [run for run in each.runs if run.outcome is Outcome.FAILED]
        seen = [
            run
            for run in failed
            if run.exposure is not None and run.exposure.value is (not story.spec.acts_to)
        ]
        assert len(failed) >= LIMIT + story.spec.confirmations
        assert len(seen) >= story.spec.confirmations


def no_trip_unless_the_last_control_that_measured_passed(story: Recorded, each: Telling) -> None:
    assert not each.trips or each.control is ControlFinding.PASSES


def a_guard_that_must_keep_its_hands_off_does(story: Recorded, each: Telling) -> None:
    bound = (
        each.before.held(each.now)
        or each.before.human_on(story.spec, each.now)
        or each.before.human_off(story.spec)
        or each.before.latched
        or each.before.kill is not None
        or story.spec.mode == "observe"
    )
    assert not (bound and each.trips)


def only_a_persons_reset_raises_exposure(story: Recorded, each: Telling) -> None:
    for flip in each.flips:
        if flip.to is not story.spec.acts_to:
            assert isinstance(each.evidence, OperatorAsked)
            assert (each.evidence.verb, flip.restore, flip.by) == ("reset", True, "ann")
        else:
            assert not flip.restore


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
        kinds = (Flip, OpenIncident, CloseIncident)
        assert not [d for d in each.decisions if isinstance(d, kinds)]


PROPERTIES: tuple[Callable[[Recorded, Telling], None], ...] = (
    no_trip_before_the_limit_and_the_confirmations,
    no_trip_unless_the_last_control_that_measured_passed,
    a_guard_that_must_keep_its_hands_off_does,
    only_a_persons_reset_raises_exposure,
    a_run_told_twice_changes_nothing,
    equal_arguments_give_equal_results,
    state_and_evidence_survive_json,
    unknown_evidence_decides_no_flip_and_no_incident,
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
    story = told([action for action in actions if action[0] != "flag"], how)
    kinds = [flip.restore for flip in story.flips]
    assert kinds == [bool(n % 2) for n in range(len(kinds))]


@quick
@given(
    actions=st.lists(own, max_size=25),
    unknown=st.sampled_from(["E", "S", "control"]),
    where=st.integers(0, 25),
    times=st.integers(1, 3),
    how=changes,
)
def test_an_unknown_inserted_anywhere_never_adds_a_trip(
    actions: list[Action], unknown: str, where: int, times: int, how: dict[str, Any]
) -> None:
    story = told(actions, how)
    other = Recorded({"rule": "consecutive_failures", "limit": LIMIT}, **how)
    for n, action in enumerate([*actions, ("wait", 0)]):
        if n == min(where, len(actions)):
            for each in range(times):
                if unknown == "control":
                    name = f"unknown-{each}"
                    other.tell(ControlRan(ControlFinding.UNKNOWN, name, other.now))
                else:  # a run takes a second, which must not make the others late
                    other.wait(-1).runs_in(unknown)
        one(_turned(action, other), other)
    assert len(other.flips) <= len(story.flips)


@quick
@given(
    actions=st.lists(
        st.tuples(
            st.just("run"), st.tuples(st.sampled_from("FFFPE"), st.sampled_from([False, None]))
        )
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
        run_actions
        | st.tuples(st.just("control"), st.sampled_from(["fails", "powerless", "unknown"])),
        max_size=40,
    ),
    how=changes,
)
def test_a_site_whose_control_never_passes_never_trips(
    actions: list[Action], how: dict[str, Any]
) -> None:
    assert not told(actions, how).flips


@quick
@given(actions=stories, how=changes, back_s=st.integers(1, 10**6))
def test_a_guards_time_never_runs_backwards(
    actions: list[Action], how: dict[str, Any], back_s: int
) -> None:
    story = told([*actions, ("run", ("F", True))], how)
    last = story.tellings[-1]
    story.wait(-back_s)
    with pytest.raises(ValueError, match="before the state's"):
        advance(story.spec, last.after, last.evidence, story.now)
    with pytest.raises(ValueError, match="aware"):
        advance(story.spec, last.after, last.evidence, last.now.replace(tzinfo=None))


def test_these_stories_reach_every_phase() -> None:
    """Guards the properties above against passing because nothing ever happens."""
    reached: set[Phase] = set()
    trips = 0

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(actions=stories, how=changes)
    def look(actions: list[Action], how: dict[str, Any]) -> None:
        nonlocal trips
        story = Recorded({"rule": "consecutive_failures", "limit": LIMIT}, **how)
        for action in actions:
            one(_turned(action, story), story)
            reached.add(story.phase)
        trips += len(story.flips)

    look()
    assert reached == set(Phase)
    assert trips > 100
