"""What holds of a circuit, whatever it is told."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.circuit import (
    CircuitRefuses,
    take_run,
)
from tests.daemon.build import T0, run
from tests.daemon.circuit_story import CLOSED, JSON, LETTERS, OPEN, Story

quick = settings(max_examples=150, deadline=None)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.sampled_from("FFFPPD")),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 7, 29.5, 30, 61])),
        st.tuples(st.just("open"), st.sampled_from(["guard a", "guard b", "ann", "bob"])),
        st.tuples(st.just("close"), st.sampled_from(["guard a", "guard b", "ann", "bob"])),
    ),
    max_size=30,
)
LIMITS = {"min_runs": 2, "close_passes": 2, "timeout_s": 30, "window_s": 20}


def play(story: Story, step: tuple[str, Any], number: int) -> None:
    what, how = step
    guard = str(how).startswith("guard")
    with suppress(CircuitRefuses):
        match what:
            case "run":
                story.runs(how, id=f"run-{number}")
            case "wait":
                story.wait(how)
            case "open":
                story.opens(how, guard=guard)
            case "close":
                story.lets_go(how, guard=guard)
            case "error":
                one = run(LETTERS[how], (story.now - T0).total_seconds(), probe="api")
                story.told(take_run(story.spec, story.state, one, story.now))


def played(steps: list[tuple[str, Any]]) -> Story:
    story = Story(**LIMITS)
    for number, step in enumerate(steps):
        play(story, step, number)
    return story


@quick
@given(STEPS, st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ES")), max_size=8))
def test_an_error_inserted_anywhere_changes_nothing(
    steps: list[tuple[str, Any]], errors: list[tuple[int, str]]
) -> None:
    with_errors = Story(**LIMITS)
    for number, step in enumerate([*steps, ("wait", 0)]):
        for place, letter in errors:
            if place == number:
                play(with_errors, ("error", letter), number)
        play(with_errors, step, number)
    without = played(steps)
    assert (with_errors.state, with_errors.lines) == (without.state, without.lines)


@quick
@given(STEPS)
def test_it_is_open_as_long_as_anybody_keeps_it_so(steps: list[tuple[str, Any]]) -> None:
    story, keepers = Story(**LIMITS), set[str]()
    for number, (what, how) in enumerate(steps):
        play(story, (what, how), number)
        hand = how if str(how).startswith("guard") else "person"
        if what == "open":
            keepers.add(hand)
        elif what == "close":
            keepers = keepers - {hand} if hand != "person" else set()
        assert len(keepers) == len(story.state.kept_by)
        assert story.phase is OPEN or not keepers


@quick
@given(STEPS)
def test_replaying_from_what_was_stored_gives_the_same_state(steps: list[tuple[str, Any]]) -> None:
    once, stored = Story(**LIMITS), Story(**LIMITS)
    for number, step in enumerate(steps):
        play(once, step, number)
        play(stored, step, number)
        stored.state = JSON.validate_json(JSON.dump_json(stored.state))
    assert (stored.state, stored.lines) == (once.state, once.lines)


@quick
@given(STEPS)
def test_how_often_time_is_told_changes_nothing(steps: list[tuple[str, Any]]) -> None:
    seldom, often = Story(**LIMITS), Story(**LIMITS)
    for number, step in enumerate(steps):
        play(seldom, step, number)
        play(often, step, number)
        often.ticks()
        assert often.phase is seldom.phase
    seldom.ticks()
    assert (often.state, often.lines) == (seldom.state, seldom.lines)


@quick
@given(STEPS)
def test_each_change_begins_where_the_last_one_ended(steps: list[tuple[str, Any]]) -> None:
    story = played(steps).ticks()
    last = CLOSED
    for change in story.changes:
        assert change.before is last
        assert change.text.startswith(change.after.value.replace("_", "-") + ": ")
        last = change.after
    assert story.phase is last
    opened = [c for c in story.changes if c.after is OPEN and c.before is not OPEN]
    assert story.state.openings == len(opened)
