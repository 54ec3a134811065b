"""When a circuit opens, is tried again and closes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from daemon.circuit import (
    COUNTED_LIMIT,
    CircuitPhase,
    CircuitRefuses,
    next_change_at,
    observed,
    take_run,
)
from probes.model import Outcome, Purpose
from tests.daemon.build import T0, at, run
from tests.daemon.circuit_story import CLOSED, HALF_OPEN, OPEN, Story

# --- closed -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("FFF", CLOSED),  # one run short of min_runs
        ("PPPF", CLOSED),
        ("PPPFF", CLOSED),  # 2 of 5
        ("PPFF", OPEN),  # the threshold itself
        ("FFFP", OPEN),  # min_runs is reached by a pass
        ("FFFF", OPEN),
        ("DDFF", OPEN),  # degraded passed
        ("DDDF", CLOSED),
    ],
)
def test_it_opens_when_the_share_reaches_the_threshold_and_enough_runs_counted(
    pattern: str, expected: CircuitPhase
) -> None:
    assert Story().runs(pattern).phase is expected


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.6, 0.7, 0.9, 1.0])
def test_a_threshold_is_reached_exactly_and_not_by_one_run_less(threshold: float) -> None:
    failing = round(threshold * 10)
    limits = {"threshold": threshold, "min_runs": 10}
    assert Story(**limits).runs("P" * (10 - failing) + "F" * failing).phase is OPEN
    assert Story(**limits).runs("P" * (11 - failing) + "F" * (failing - 1)).phase is CLOSED


def test_errors_skipped_runs_controls_and_other_probes_never_count() -> None:
    story = Story().runs("FFF").runs("ES" * 5).runs("FF", purpose=Purpose.CONTROL)
    other = run(Outcome.FAILED, 20, probe="other")
    story.told(take_run(story.spec, story.state, other, story.now))
    assert story.phase is CLOSED
    assert observed(story.spec, story.state, story.now).runs == 3


def test_a_run_that_left_the_window_no_longer_counts() -> None:
    story = Story(window_s=10).runs("FFF").wait(8)
    assert observed(story.spec, story.state, story.now).runs == 2
    assert story.runs("F").phase is CLOSED
    assert story.runs("F" * 3).phase is OPEN


def test_a_run_that_comes_after_its_window_is_dropped() -> None:
    story = Story(window_s=10).runs("FFF").wait(20).runs("F")
    stale = run(Outcome.FAILED, 12, probe="api")
    assert take_run(story.spec, story.state, stale, story.now) == (story.state, ())
    assert len(story.state.counted) == 1


def test_runs_one_window_apart_count_together() -> None:
    story = Story(window_s=60)
    for _ in range(4):
        assert story.phase is CLOSED
        story.runs("F").wait(19)
    assert story.phase is OPEN


def test_runs_that_take_longer_than_the_window_count() -> None:
    story = Story(window_s=5, min_runs=2)
    for started in (0, 4):
        one = run(Outcome.FAILED, started, probe="api")
        story.told(take_run(story.spec, story.state, one, at(started + 10)))
    assert story.phase is OPEN


def test_a_workers_clock_that_is_ahead_does_not_push_the_others_runs_out() -> None:
    story = Story()
    ahead = run(Outcome.PASSED, 3600, probe="api")
    story.told(take_run(story.spec, story.state, ahead, at(1)))
    assert story.runs("FFF").phase is OPEN


def test_the_same_run_twice_counts_once() -> None:
    story = Story()
    one = run(Outcome.FAILED, 0, probe="api")
    for _ in range(8):
        story.told(take_run(story.spec, story.state, one, at(1)))
    assert (story.phase, len(story.state.counted)) == (CLOSED, 1)


def test_a_long_window_does_not_make_the_state_large() -> None:
    story = Story(window_s=604_800).runs("P" * (COUNTED_LIMIT + 20))
    assert len(story.state.counted) == COUNTED_LIMIT


def test_opening_says_what_was_seen_against_which_limit() -> None:
    story = Story().runs("PP").runs("FF", reason="503 from /health\x1b[31m\nnow")
    (line,) = story.lines
    assert line == (
        "open: 2 of 4 runs of api failed in 60 s, 50% with a limit of 50% "
        "(the last: 503 from /health [31m now)"
    )
    assert (story.state.why, story.state.openings) == (line, 1)


# --- open and half-open -------------------------------------------------------------------------


def test_an_open_circuit_is_half_open_exactly_at_its_time_out() -> None:
    story = Story(timeout_s=30).runs("FFFF")
    opened = story.now
    assert next_change_at(story.spec, story.state) == opened + timedelta(seconds=30)
    assert story.wait(29.999).phase is OPEN
    assert story.wait(0.001).phase is HALF_OPEN
    assert story.wait(100).ticks().state.since == opened + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("P", HALF_OPEN),
        ("PP", CLOSED),
        ("PF", OPEN),
        ("F", OPEN),
        ("ESE", HALF_OPEN),
        ("PEP", CLOSED),
    ],
)
def test_passes_in_a_row_close_a_half_open_one_and_one_failure_opens_it(
    pattern: str, expected: CircuitPhase
) -> None:
    assert Story(timeout_s=30).runs("FFFF").wait(30).runs(pattern).phase is expected


def test_a_failed_trial_opens_anew_for_the_whole_time_out() -> None:
    story = Story(timeout_s=30).runs("FFFF").wait(30).runs("F")
    assert story.wait(29.9).phase is OPEN
    assert story.wait(0.1).runs("PP").phase is CLOSED
    assert [(c.before, c.after) for c in story.changes] == [
        (CLOSED, OPEN),
        (OPEN, HALF_OPEN),
        (HALF_OPEN, OPEN),
        (OPEN, HALF_OPEN),
        (HALF_OPEN, CLOSED),
    ]
    assert story.state.openings == 2


def test_only_runs_that_started_after_the_last_change_count() -> None:
    story = Story(timeout_s=30).runs("FFFF")
    opened = story.now
    before, after = opened + timedelta(seconds=29), opened + timedelta(seconds=30)
    story.wait(60)
    for number, started in enumerate((before, before, after)):
        late = run(Outcome.PASSED, (started - T0).total_seconds(), probe="api", id=f"late-{number}")
        story.told(take_run(story.spec, story.state, late, story.now))
    assert (story.phase, len(story.state.counted)) == (HALF_OPEN, 1)
    closed = story.runs("P")
    assert closed.phase is CLOSED
    slow = run(Outcome.FAILED, (after - T0).total_seconds(), probe="api")
    assert take_run(story.spec, story.state, slow, story.now) == (story.state, ())


def test_runs_of_an_open_circuit_are_shown_and_move_nothing() -> None:
    story = Story(timeout_s=30).runs("FFFF").runs("PPPP")
    assert (story.phase, observed(story.spec, story.state, story.now).share) == (OPEN, 0.0)


@pytest.mark.parametrize("meanwhile", ["PPP", "FFF"])
def test_what_ran_while_it_was_open_is_no_part_of_the_trial(meanwhile: str) -> None:
    story = Story(timeout_s=30).runs("FFFF").runs(meanwhile).wait(27).runs("P")
    assert story.phase is HALF_OPEN
    assert story.runs("P").phase is CLOSED


def test_trial_passes_far_apart_are_still_in_a_row() -> None:
    story = Story(timeout_s=30, window_s=60).runs("FFFF").wait(30).runs("P").wait(600)
    assert story.runs("P").phase is CLOSED


# --- kept open ----------------------------------------------------------------------------------


def test_a_circuit_that_is_kept_open_is_never_tried_until_it_is_let_go() -> None:
    story = Story().opens().wait(10_000).runs("PPPP")
    assert (story.phase, next_change_at(story.spec, story.state)) == (OPEN, None)
    assert story.lets_go().phase is HALF_OPEN
    assert story.runs("PP").phase is CLOSED
    assert story.lines[0] == "open: kept so by ann until let go: mending"
    assert story.lines[1].startswith("half-open: let go by ann: mended; 2 passing in a row of api")


def test_one_guard_that_lets_go_leaves_it_to_the_others() -> None:
    story = (
        Story().opens("guard shield", guard=True).opens("guard shelter", guard=True).opens("ann")
    )
    story.lets_go("guard shield", guard=True)
    assert story.phase is OPEN
    assert story.lines[-1] == ("open: let go by guard shield, still kept so by guard shelter, ann")
    story.lets_go("guard shelter", guard=True)
    assert story.phase is OPEN
    assert story.lets_go("bob").phase is HALF_OPEN


def test_a_person_lets_go_for_everybody_and_the_guards_own_letting_go_changes_nothing() -> None:
    story = Story().opens("guard shield", guard=True).opens("ann").lets_go("ann")
    assert (story.phase, story.state.kept_by) == (HALF_OPEN, ())
    before = story.state
    assert story.lets_go("guard shield", guard=True).state is before


def test_a_guard_that_asks_twice_changes_nothing() -> None:
    story = Story().opens("guard shield", guard=True)
    before = story.wait(5).state
    assert story.opens("guard shield", guard=True).state is before
    assert len(story.changes) == 1


def test_a_guard_keeps_open_what_the_probe_opened_and_that_is_no_new_opening() -> None:
    story = Story().runs("FFFF").opens("guard shield", "the widget broke", guard=True)
    assert (story.state.openings, story.state.why) == (
        1,
        "open: kept so by guard shield until let go: the widget broke",
    )
    assert story.wait(100).phase is OPEN


def test_a_guard_that_keeps_nothing_does_not_shorten_the_time_out() -> None:
    story = Story().runs("FFFF").lets_go("guard shield", guard=True)
    assert (story.phase, len(story.changes)) == (OPEN, 1)


def test_a_person_need_not_wait_for_the_time_out() -> None:
    assert Story().runs("FFFF").lets_go().phase is HALF_OPEN


def test_opening_a_half_open_one_keeps_it_open() -> None:
    story = Story(timeout_s=30).runs("FFFF").wait(31).opens()
    assert (story.wait(100).phase, story.state.openings) == (OPEN, 2)


@pytest.mark.parametrize(
    ("do", "says"),
    [
        (lambda s: s.opens(reason=" "), "a reason is required"),
        (lambda s: s.lets_go(reason="\n"), "a reason is required"),
        (lambda s: s.lets_go(), "api is closed"),
        (lambda s: s.opens("ann").opens("bob"), "ann keeps api open already"),
        (lambda s: s.opens().lets_go().lets_go(), "half-open already: 2 passing in a row of api"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_with_the_remedy(
    do: Callable[[Story], object], says: str
) -> None:
    with pytest.raises(CircuitRefuses, match=says):
        do(Story())


def test_what_a_guard_quotes_of_a_target_is_bounded_and_one_line() -> None:
    story = Story().opens("guard shield", "x\u202e\n" + "y" * 10_000, guard=True)
    (kept,) = story.state.kept_by
    assert kept.reason.startswith("x  y")
    assert len(kept.reason) == 500


def test_a_clock_that_was_set_back_does_not_keep_it_open_for_as_long() -> None:
    story = Story(timeout_s=30).runs("FFFF").wait(-3600).ticks()
    assert story.wait(29).phase is OPEN
    assert story.wait(1).runs("PP").phase is CLOSED
