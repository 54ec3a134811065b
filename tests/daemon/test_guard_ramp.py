"""How exposure comes back by itself: only where a person wrote so, in steps, judged tightly."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daemon.guard import GuardRefuses, Phase, is_due
from daemon.guard.asking import soon_asked
from daemon.guard.messages import CloseIncident, Flip, OpenIncident, RunProbe, Share
from probes.model import Purpose
from tests.daemon.build import run, slow
from tests.daemon.ramps import at_step, kills, ramping
from tests.daemon.story import Story

SLOW = {"rule": "step_duration", "step": "open", "limit_s": 2, "runs": 1}
CONFIRM: dict[str, Any] = {"purpose": Purpose.CONFIRM}


def steps(story: Story) -> list[int]:
    return [flip.step for flip in story.flips if flip.step is not None]


# --- up -------------------------------------------------------------------------------------------


def test_without_a_ramp_nothing_ever_comes_back_by_itself() -> None:
    story = Story().killed().time_passes(10**6)
    assert story.phase is Phase.KILLED
    assert len(story.flips) == 1


@pytest.mark.parametrize(("after_s", "begins"), [(99, False), (99.999, False), (100, True)])
def test_a_ramp_begins_when_the_hold_off_after_the_proof_is_over(
    after_s: float, begins: bool
) -> None:
    story = ramping().killed().time_passes(after_s)
    assert (story.phase is Phase.PROBATION) is begins


def test_a_kill_that_is_not_proven_is_not_taken_back() -> None:
    story = ramping().killing().written().proof(False).time_passes(10**5)
    assert steps(story) == []


def test_the_first_step_is_for_the_probes_own_id_alone() -> None:
    story = ramping().killed().time_passes(100)
    (flip,) = story.asked(Flip)
    assert (flip.to, flip.share, flip.step, flip.restore) == (True, Share("probe-1"), 0, False)
    assert flip.by == "guard"
    assert "PROBATION: on for the probe's own id only" in story.step_written().notes


def test_the_whole_way_back_ends_with_the_snapshot() -> None:
    story = at_step(2)
    assert [flip.share for flip in story.flips if flip.share] == [
        Share("probe-1"),
        Share("probe-1", 10),
        Share("probe-1", 50),
    ]
    story.passes(3).time_passes(60)
    (last,) = story.asked(Flip)
    assert (last.to, last.restore, last.step, last.share) == (True, True, None, None)
    assert story.phase is Phase.PROBATION, "until it is written"
    assert story.time_passes(100).last == (), "and asked for once"
    assert story.written(restore=True).phase is Phase.ARMED
    assert len(story.asked(CloseIncident)) == 1
    assert len(story.ever_asked(OpenIncident)) == 1, "one incident from the kill to the end"
    assert "the ramp came through: users are exposed again" in story.notes


def test_a_ramp_that_came_through_lets_the_fallback_go() -> None:
    story = at_step(2, fallback={"flag": "plain_page"}).passes(3).time_passes(60)
    story.written(restore=True)
    assert [f.restore for f in story.flips if f.fallback] == [False, True]


@pytest.mark.parametrize(
    ("passes", "bake_s", "goes_on"),
    [(3, 60, True), (2, 60, False), (2, 6000, False), (3, 56, False), (3, 57, True), (4, 56, True)],
)
def test_a_step_needs_both_its_bake_and_its_passes(
    passes: int, bake_s: float, goes_on: bool
) -> None:
    story = at_step(0, silent_after_s=10**5).passes(passes)
    story.time_passes(bake_s)
    assert (steps(story) == [0, 1]) is goes_on


def test_the_pass_that_was_missing_when_the_bake_was_over_goes_on_at_once() -> None:
    story = at_step(0).passes(2).time_passes(100)
    assert steps(story) == [0]
    story.passes()
    assert steps(story) == [0, 1]


def test_nothing_goes_on_before_the_store_took_the_step() -> None:
    story = ramping().killed().time_passes(100).passes(5).time_passes(1000)
    assert steps(story) == [0]
    assert story.phase is Phase.PROBATION


@pytest.mark.parametrize("exposed", [False, None])
def test_runs_that_were_not_exposed_count_for_nothing(exposed: bool | None) -> None:
    story = at_step(0).passes(5, exposed=exposed).time_passes(60)
    assert steps(story) == [0]


def test_a_step_that_could_not_be_written_is_said_and_waited_for() -> None:
    story = ramping().killed().time_passes(100).write_fails(restore=True)
    assert story.phase is Phase.PROBATION
    assert story.step_written().phase is Phase.PROBATION
    assert steps(story.passes(3).time_passes(60)) == [0, 1]


def test_a_step_acknowledged_after_it_was_overtaken_starts_nothing() -> None:
    story = at_step(1)
    story.step_written(0)
    assert story.state.probation is not None
    assert story.state.probation.step == 1


# --- down -----------------------------------------------------------------------------------------


def test_the_first_pair_of_a_failed_step_begins_with_the_control() -> None:
    story = at_step(1).fails()
    (pair,) = story.asked(RunProbe)
    assert (pair.control, pair.control_first, pair.not_before) == ("control", True, None)


def test_pairs_whose_control_fails_are_asked_for_after_a_moment_and_not_in_a_tight_loop() -> None:
    story = at_step(1).fails()
    for _ in range(4):
        (pair,) = story.asked(RunProbe)
        story.control("fails")
        assert not story.asked(RunProbe)
        story.fails(**CONFIRM)
        (again,) = story.asked(RunProbe)
        assert pair.control_first
        assert again.not_before == story.now + timedelta(seconds=story.spec.propagation.retry_s)
        assert not story.fails().asked(RunProbe), "it is under way"
        story.fails(**CONFIRM).control("unknown", started_s_ago=99)
        story.last = (again,)
    assert kills(story) == 1


def test_a_failed_step_is_asked_about_soon() -> None:
    story = at_step(1)
    assert soon_asked(story.spec, story.state, story.now) == ()
    story.fails()
    assert soon_asked(story.spec, story.state, story.now) == ("widget", "proof")


def test_one_failure_alone_does_not_kill() -> None:
    story = at_step(1).fails().control("passes").passes(**CONFIRM)
    assert kills(story) == 1
    assert story.phase is Phase.PROBATION
    assert story.state.probation is not None
    assert story.state.probation.passes == 1, "its passes start anew"


def test_a_failure_asks_at_once_for_itself_and_the_control_in_a_fresh_browser() -> None:
    story = at_step(1).fails()
    (order,) = story.asked(RunProbe)
    assert (order.probe, order.control, order.fresh) == ("widget", "control", True)
    assert story.fails().runs_asked() == [], "under way"


@pytest.mark.parametrize("order", ["run first", "control first"])
def test_a_failure_that_repeats_beside_a_passing_control_kills_again(order: str) -> None:
    story = at_step(1).fails()
    if order == "run first":
        story.fails(**CONFIRM).control("passes")
    else:
        story.control("passes").fails(**CONFIRM)
    (flip,) = story.asked(Flip)
    assert (flip.to, flip.again, flip.restore, flip.by) == (False, True, False, "guard")
    assert story.phase is Phase.KILLING
    assert story.state.probation is None
    assert len(story.ever_asked(OpenIncident)) == 1, "the same incident goes on"
    assert not story.ever_asked(CloseIncident)
    assert story.written().proof(True).phase is Phase.KILLED


def test_a_control_that_is_too_old_kills_nobodys_flag() -> None:
    story = at_step(1).fails().control("passes").wait(31).fails()
    assert kills(story) == 1
    assert [order.control for order in story.asked(RunProbe)] == ["control"]
    assert kills(story.control("passes")) == 2


def test_a_failing_control_makes_the_ramp_wait_and_says_so_once() -> None:
    story = at_step(1).passes(2)
    for _ in range(3):
        story.fails(2).control("fails").wait(31)
    assert kills(story) == 1
    assert story.notes.count("the control fails too") == 1
    assert story.state.probation is not None
    assert (story.state.probation.step, story.state.probation.passes) == (1, 0)
    story.passes(3).time_passes(60)
    assert steps(story) == [0, 1, 2]


def test_a_control_that_cannot_measure_is_asked_again() -> None:
    story = at_step(1).fails(2).control("unknown")
    assert story.runs_asked() == [("control", Purpose.CONTROL, story.spec.propagation.retry_s)]
    assert kills(story.wait(1).control("passes")) == 2


def test_runs_and_controls_asked_for_in_a_long_doubt_do_not_multiply() -> None:
    story = at_step(1).fails()
    asked = []
    for _ in range(30):  # one batch after the other, each at three locations
        begun = story.now
        story.ever.clear()
        for location in "abc":
            began_s = (begun - run().started_at).total_seconds()
            story.take(run(at_s=began_s, location=location, **CONFIRM))
            story.control("unknown", started_s_ago=(story.now - begun).total_seconds() + 1)
        asked.append(len(story.ever_asked(RunProbe)))
    assert max(asked) == 1


def test_a_slow_widget_that_was_killed_for_it_is_killed_again_for_it() -> None:
    story = at_step(1, SLOW, {"rule": "consecutive_failures", "limit": 1})
    for _ in range(2):
        story.runs_in("D", steps=slow(3.0)[0].steps)
    assert kills(story.control("passes")) == 2


def test_each_kill_of_the_day_doubles_the_hold_off_up_to_its_cap() -> None:
    story = at_step(0)
    for hold_off_s in (200, 350, 350):
        story.fails(2).control("passes").written().proof(True)
        before = len(steps(story))
        story.time_passes(hold_off_s - 0.001)
        assert len(steps(story)) == before
        story.time_passes(0.001).step_written()
        assert len(steps(story)) == before + 1


def test_a_ramp_begins_anew_with_the_probes_own_id_after_each_kill() -> None:
    story = at_step(2).fails(2).control("passes").written().proof(True).time_passes(200)
    assert steps(story) == [0, 1, 2, 0]


@pytest.mark.parametrize(("budget", "latched"), [(1, True), (2, True), (3, False)])
def test_a_spent_kill_budget_holds_no_kill_of_a_ramp_back_but_ends_the_ramp(
    budget: int, latched: bool
) -> None:
    story = at_step(0, kills_per_day=budget).fails(2).control("passes")
    assert kills(story) == 2
    story.written().proof(True)
    assert story.phase is (Phase.LATCHED if latched else Phase.KILLED)
    assert bool([text for text in story.pages if "LATCHED" in text]) is latched
    story.time_passes(10**4)
    assert steps(story) == ([0] if latched else [0, 0])


def test_a_person_who_resets_a_latched_ramp_gives_the_guard_its_budget_back() -> None:
    story = at_step(0, kills_per_day=2).fails(2).control("passes").written().proof(True)
    assert story.phase is Phase.LATCHED
    assert story.operator("reset").written(restore=True).phase is Phase.ARMED
    assert story.killing().phase is Phase.KILLING


def test_a_failure_while_the_last_write_is_under_way_kills_and_the_late_write_is_no_reset() -> None:
    story = at_step(2).passes(3).time_passes(60).fails(2).control("passes")
    assert story.phase is Phase.KILLING
    story.written(restore=True)
    assert story.phase is Phase.KILLING, "written just as the kill was decided, which comes next"
    assert not story.ever_asked(CloseIncident)
    assert story.written().proof(True).phase is Phase.KILLED


# --- hands off ------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["held", "observe"])
def test_a_guard_that_must_not_act_takes_no_step(why: str) -> None:
    story = ramping().killed()
    if why == "held":
        story.operator("hold", until_s=1000)
    else:
        story.spec = story.spec.model_copy(update={"mode": "observe"})
    assert steps(story.time_passes(500)) == []
    assert not is_due(story.spec, story.state, story.now)
    if why == "held":
        assert steps(story.time_passes(500)) == [0], "once the hold has ended"


def test_a_hold_in_the_middle_stops_the_ramp_where_it_is() -> None:
    story = at_step(0).operator("hold").passes(9).time_passes(500).passes(9)
    assert steps(story) == [0]
    assert steps(story.operator("release").passes()) == [0, 1]


def test_a_failing_ramp_under_a_hold_wakes_people_once_and_kills_when_the_hold_ends() -> None:
    story = at_step(1).operator("hold")
    for _ in range(3):
        story.fails(2).control("passes").wait(31)
    assert kills(story) == 1
    assert len(story.pages) == 1
    assert "the ramp fails, but an operator's hold is in force" in story.pages[0]
    story.operator("release").fails(2).control("passes")
    assert kills(story) == 2


def test_a_blind_guard_takes_no_step_and_says_that_it_is_blind() -> None:
    story = at_step(1, blind_after=3, propagation={"budget_s": 10}).passes(3).runs_in("S" * 6)
    assert not story.pages, "caches hold the step back from the page for a while"
    story.wait(5).runs_in("SSE")
    assert [text[:5] for text in story.pages] == ["BLIND"]
    assert steps(story.time_passes(60)) == [0, 1]
    assert steps(story.passes()) == [0, 1, 2]


def test_a_ramp_whose_runs_stopped_takes_no_step() -> None:
    story = at_step(0, silent_after_s=30).passes(3).time_passes(60)
    assert steps(story) == [0]
    assert story.pages == ["BLIND: no run has judged for 30 s"]
    assert steps(story.passes()) == [0, 1]


def test_a_flag_that_an_operator_tripped_does_not_come_back_by_itself() -> None:
    story = ramping().operator("trip").written().proof(True).time_passes(10**6)
    assert story.phase is Phase.KILLED
    assert steps(story) == []


def test_an_operators_trip_ends_a_ramp_and_only_a_person_goes_on() -> None:
    story = at_step(1).operator("trip", "seen by users")
    (flip,) = story.asked(Flip)
    assert (flip.to, flip.again, flip.by) == (False, True, "ann")
    assert story.written().proof(True).time_passes(10**6).phase is Phase.KILLED
    assert story.operator("reset").written(restore=True).phase is Phase.ARMED


def test_an_operators_reset_ends_a_ramp_and_no_failure_overtakes_it() -> None:
    story = at_step(1).fails().operator("reset", "we know better")
    assert [flip.restore for flip in story.asked(Flip)] == [True]
    story.fails(3).control("passes").passes(9).time_passes(500)
    assert (kills(story), steps(story)) == (1, [0, 1])
    with pytest.raises(GuardRefuses, match="already being reset"):
        story.operator("reset")
    assert story.written(restore=True).phase is Phase.ARMED
    assert story.killing().phase is Phase.KILLING, "the guard is itself again"


def test_no_failure_overtakes_a_reset_though_the_control_had_passed_before() -> None:
    story = at_step(1).fails().control("passes").operator("reset").fails(2)
    assert kills(story) == 1
    assert story.written(restore=True).phase is Phase.ARMED


def test_an_operators_reset_in_the_middle_of_a_step_that_is_written_late_wins() -> None:
    story = ramping().killed().time_passes(100).operator("reset")
    story.step_written(0).time_passes(1000)
    assert steps(story) == [0]
    assert story.written(restore=True).phase is Phase.ARMED


@pytest.mark.parametrize("value", [True, False])
def test_a_persons_own_change_of_the_flag_in_a_ramp_wins(value: bool) -> None:
    story = at_step(1).flag_is(value, decided=True)
    assert story.phase is (Phase.HUMAN_ON if value else Phase.HUMAN_OFF)
    assert story.state.probation is None
    assert len(story.asked(CloseIncident)) == 1
    story.passes(9).time_passes(50)
    assert steps(story) == [0, 1]


def test_a_flag_found_off_in_a_ramp_is_a_persons_decision() -> None:
    assert at_step(1).flag_is(False).phase is Phase.HUMAN_OFF


def test_the_value_that_a_step_wrote_is_no_persons_decision() -> None:
    story = at_step(1)
    assert story.flag_is(True).phase is Phase.PROBATION
    writing = ramping().killed().time_passes(100)
    assert writing.flag_is(True).phase is Phase.PROBATION
    assert writing.flag_is(False).phase is Phase.PROBATION


def test_a_person_who_takes_the_place_of_a_step_under_way_is_adopted() -> None:
    story = ramping().killed().time_passes(100).flag_is(False, decided=True)
    assert story.phase is Phase.HUMAN_OFF
    assert steps(story.time_passes(10**4)) == [0]
