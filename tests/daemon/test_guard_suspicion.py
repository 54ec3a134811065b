"""From a breached rule to the act, or to why not: DESIGN section 4, up to KILLING."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.guard import Phase
from daemon.guard.messages import CloseIncident, Flip, OpenIncident, RunProbe
from probes.model import Outcome, Purpose
from tests.daemon.build import FLAG, at, run, slow
from tests.daemon.story import Story

LIMIT_3 = {"rule": "consecutive_failures", "limit": 3}
RATIO = {"rule": "failure_ratio", "limit": 0.5, "window_s": 60, "min_runs": 4}
SLOW = {"rule": "step_duration", "step": "open", "limit_s": 2, "runs": 1}


def test_a_new_guard_is_armed_and_an_observing_one_says_so() -> None:
    assert Story().phase is Phase.ARMED
    assert Story(mode="observe").phase is Phase.OBSERVE


@pytest.mark.parametrize(("failures", "phase"), [(2, Phase.ARMED), (3, Phase.SUSPECT)])
def test_a_guard_turns_suspect_at_the_limit_of_its_rule(failures: int, phase: Phase) -> None:
    assert Story(LIMIT_3).fails(failures).phase is phase


def test_a_suspect_guard_asks_at_once_for_a_traced_run_and_its_control_in_a_fresh_browser() -> None:
    story = Story().suspect()
    (order,) = story.asked(RunProbe)
    assert story.runs_asked() == [("widget", Purpose.CONFIRM, 0)]
    assert (order.control, order.control_first) == ("control", True)
    assert order.trace
    assert order.fresh


@pytest.mark.parametrize(
    ("confirmations", "failures", "trips"),
    [(1, 0, False), (1, 1, True), (3, 2, False), (3, 3, True), (4, 3, False), (4, 4, True)],
)
def test_a_kill_needs_so_many_confirmations_after_the_first_breach(
    confirmations: int, failures: int, trips: bool
) -> None:
    story = Story(confirmations=confirmations, hard_confirmations=1)
    story.suspect().control("passes").fails(failures)
    assert bool(story.flips) is trips
    assert story.phase is (Phase.KILLING if trips else Phase.SUSPECT)


def test_a_kill_turns_the_flag_off_and_opens_an_incident_about_the_widget() -> None:
    story = Story().killing()
    (opened,) = story.asked(OpenIncident)
    (flip,) = story.asked(Flip)
    assert (opened.incident.cause, opened.severity) == ("widget", 1)
    assert (flip.flag, flip.to, flip.by, flip.restore) == (FLAG, False, "guard", False)
    assert story.state.kill is not None
    assert story.state.kill.first_failed_at == at(0)


def test_the_act_of_a_fallback_guard_is_turning_its_flag_on() -> None:
    story = Story(act="fallback").suspect().control("passes").fails(3, exposed=True)
    assert not story.flips, "the fallback was on already, so nobody was exposed"
    story.fails(3, exposed=False)
    assert [flip.to for flip in story.flips] == [True]


def test_a_control_that_comes_last_asks_for_one_more_failure_beside_it() -> None:
    story = Story().suspect().wait(30).fails(3).control("passes")
    assert story.blockers == ("no run that confirms has begun since the control passed",)
    assert ("widget", Purpose.CONFIRM, 0) not in story.runs_asked(), "one is under way"
    begun = (story.now - at(0)).total_seconds()
    assert not story.take(run(at_s=begun - 1.1)).flips, "it began before the control"
    assert story.take(run(at_s=begun - 1)).flips


def test_a_control_that_passes_asks_at_once_whether_the_widget_still_fails_beside_it() -> None:
    story = Story().suspect().fails(purpose=Purpose.CONFIRM).fails(purpose=Purpose.CONFIRM)
    story.control("fails").fails(purpose=Purpose.CONFIRM).wait(1)
    assert story.control("passes").runs_asked() == [("widget", Purpose.CONFIRM, 0)]


def test_a_control_that_passed_before_the_widget_did_is_no_witness_of_what_fails_next() -> None:
    story = Story(RATIO).fails(4).control("passes").fails().passes()
    assert story.phase is Phase.SUSPECT
    story.fails(4)
    assert not story.flips, "it may be the whole site this time"
    assert "the control has not been measured yet" in story.blockers
    assert story.control("fails").phase is Phase.SITE_DOWN


def test_a_control_beside_a_widget_that_passes_is_no_witness_either() -> None:
    story = Story(RATIO).fails(4).passes().control("passes").fails(4)
    assert not story.flips
    assert story.control("passes").fails().flips


@pytest.mark.parametrize(("after_s", "trips"), [(29, True), (30, True), (30.001, False)])
def test_a_control_long_after_the_last_failure_is_no_witness(after_s: float, trips: bool) -> None:
    story = Story().suspect().fails(2)
    last = story.now - timedelta(seconds=1)
    story.runs_in("EEEE").wait(after_s - 5)
    begun_s_ago = (story.now - last).total_seconds() + 1 - after_s
    story.control("passes", started_s_ago=begun_s_ago).fails()
    assert bool(story.flips) is trips


def test_a_pass_elsewhere_leaves_the_control_as_it_is() -> None:
    story = Story().fails(location="a").control("passes").fails(2, location="a")
    assert story.passes(location="b").fails(location="a").flips


def test_passing_runs_clear_a_suspicion_at_their_own_limit() -> None:
    story = Story().suspect().passes()
    assert story.phase is Phase.SUSPECT
    assert story.passes().phase is Phase.ARMED
    assert "suspicion cleared after 2 passing runs" in story.notes


def test_only_a_streak_of_passes_clears_a_failure_below_the_limit_ends_it() -> None:
    story = Story(LIMIT_3).fails(3).runs_in("PFPFPF")
    assert story.phase is Phase.SUSPECT
    assert story.passes(2).phase is Phase.ARMED


def test_a_breaching_run_ends_the_passing_streak() -> None:
    assert Story().suspect().runs_in("PFP").phase is Phase.SUSPECT


def test_a_widget_that_passed_again_is_not_killed_by_a_late_control() -> None:
    story = Story().suspect().fails(3).passes().control("passes")
    assert not story.flips
    assert "no rule is breached any more" in story.blockers


@pytest.mark.parametrize(("failures", "trips"), [(2, False), (3, True)])
def test_a_pass_that_ends_the_breach_takes_every_confirmation_with_it(
    failures: int, trips: bool
) -> None:
    story = Story().suspect().control("passes").fails(2).passes()
    story.fails(failures - 1).control("passes").fails()
    assert bool(story.flips) is trips


def test_a_passing_run_confirms_no_failures_though_the_ratio_is_still_breached() -> None:
    story = Story(RATIO).fails(4).control("passes").passes(3)
    assert story.phase is Phase.SUSPECT
    assert not story.flips
    assert not story.fails().control("passes").fails().flips
    assert story.fails().flips


def test_a_finished_but_slow_run_confirms_a_breach_of_slowness() -> None:
    story = Story(SLOW)
    story.take(slow(3.0)[0]).control("passes")
    for one in slow(3.0, 3.0, 3.0):
        story.take(one)
    assert story.phase is Phase.KILLING


def test_a_healthy_probe_beside_the_broken_one_neither_confirms_nor_clears() -> None:
    story = Story(probes=["widget", "other"]).suspect().control("passes")
    story.passes(5, probe="other")
    assert story.phase is Phase.SUSPECT
    assert not story.flips


@pytest.mark.parametrize("exposed", [False, None])
def test_failures_of_pages_that_were_not_told_the_exposing_value_never_kill(
    exposed: bool | None,
) -> None:
    story = Story().suspect().control("passes").fails(10, exposed=exposed)
    assert story.phase is Phase.SUSPECT
    assert "0 of 3 confirming runs with the flag seen, or 0 of 2 hard ones" in story.blockers


def test_when_the_control_fails_too_the_site_is_blamed_and_the_flag_stays() -> None:
    story = Story().suspect().control("fails").fails(2)
    assert story.phase is Phase.SITE_DOWN
    assert [o.incident.cause for o in story.ever_asked(OpenIncident)] == ["site"]
    assert not story.fails(10).flips
    assert len(story.ever_asked(OpenIncident)) == 1


def test_when_the_control_still_shows_the_widget_the_guard_is_powerless() -> None:
    story = Story().suspect().control("powerless").fails(2)
    assert story.phase is Phase.POWERLESS
    assert [o.incident.cause for o in story.ever_asked(OpenIncident)] == ["powerless"]
    assert not story.fails(10).flips


def test_a_site_incident_closes_when_the_suspicion_clears() -> None:
    story = Story().suspect().control("fails").fails(2).passes(2)
    assert story.phase is Phase.ARMED
    assert len(story.asked(CloseIncident)) == 1


def test_what_failed_while_the_site_was_down_never_confirms_a_kill() -> None:
    story = Story().suspect().control("fails").fails(5)
    story.control("passes")
    assert not story.flips, "the control passes again, but those runs met the site's fault"
    story.fails(2)
    assert not story.flips
    story.fails()
    assert story.phase is Phase.KILLING
    site, widget = story.ever_asked(OpenIncident)
    assert (site.incident.cause, widget.incident.cause) == ("site", "widget")
    assert [closed.incident for closed in story.asked(CloseIncident)] == [site.incident]


def test_a_run_that_began_before_the_control_passed_again_does_not_confirm() -> None:
    story = Story().suspect().control("fails").control("passes")
    early = (story.state.suspicion.control_at - at(0)).total_seconds() - 0.1  # type: ignore[union-attr]
    for _ in range(3):
        story.take(run(Outcome.FAILED, early))
    assert not story.flips
    assert story.fails(3).flips


def test_a_failing_control_throws_earlier_confirmations_away() -> None:
    story = Story().suspect().fails(2).control("fails").control("passes").fails(2)
    assert not story.flips
    assert story.fails().flips


def test_an_unmeasured_control_neither_trips_nor_forgets_that_the_site_was_down() -> None:
    story = Story().suspect().fails(3).control("unknown")
    assert not story.flips
    assert "the control could not be measured" in story.blockers
    assert story.control("passes").fails().flips
    down = Story().suspect().control("fails").control("unknown").fails(4).control("passes")
    assert not down.flips


def test_an_old_control_allows_nothing() -> None:
    story = Story(control_max_age_s=30).suspect().control("passes").fails().wait(26).fails()
    assert story.blockers == ("2 of 3 confirming runs with the flag seen, or 0 of 2 hard ones",)
    story.wait(5).fails()
    assert not story.flips
    assert story.blockers == ("the control is older than 30 s",)
    assert ("control", Purpose.CONTROL, 0 + story.spec.propagation.retry_s) in story.runs_asked()


def test_a_control_is_fresh_up_to_its_limit_and_not_after() -> None:
    for age_s, trips in ((30, True), (30.001, False)):
        story = Story(confirmations=1, hard_confirmations=1).suspect()
        story.control("passes", started_s_ago=1)
        story.wait(age_s - 1 - 1).fails()
        assert bool(story.flips) is trips


def test_controls_that_come_in_out_of_order_or_from_before_the_failure_are_left_out() -> None:
    story = Story().suspect().control("fails").control("passes", started_s_ago=5)
    assert not story.fails(2).flips
    assert story.phase is Phase.SITE_DOWN
    early = Story().wait(10).suspect().control("passes", started_s_ago=5)
    assert early.state.suspicion is not None
    assert early.state.suspicion.control is None


@pytest.mark.parametrize(("wait_s", "asked"), [(28, []), (29, []), (30, ["control"])])
def test_a_pair_that_is_lost_is_asked_for_again_and_one_under_way_is_not_doubled(
    wait_s: float, asked: list[str]
) -> None:
    story = Story(control_max_age_s=30).suspect().wait(wait_s).fails()
    assert [order.control for order in story.asked(RunProbe)] == asked


def test_a_lost_control_is_asked_for_again_by_itself_where_the_breach_is_confirmed() -> None:
    story = Story(control_max_age_s=30).suspect().fails(3)
    assert not story.wait(26).fails().asked(RunProbe)
    story.wait(1).fails()
    assert story.runs_asked() == [("control", Purpose.CONTROL, 0)]


def test_a_failing_control_is_asked_again_after_a_moment_not_at_once() -> None:
    story = Story(propagation={"retry_s": 7}).suspect().control("fails")
    assert story.runs_asked()[-1] == ("control", Purpose.CONTROL, 7)


def test_a_control_that_nobody_waits_for_changes_nothing() -> None:
    assert Story().control("fails").phase is Phase.ARMED
    killed = Story().killed()
    assert killed.control("fails").phase is Phase.KILLED


def test_a_guard_whose_runs_cannot_judge_goes_blind_at_its_limit() -> None:
    story = Story(blind_after=3).runs_in("ES")
    assert story.phase is Phase.ARMED
    assert story.runs_in("E").phase is Phase.BLIND
    assert len(story.pages) == 1
    assert "BLIND: 3 runs in a row could not judge; the last, of widget: error" in story.said
    assert len(story.runs_in("E").pages) == 1, "said once"
    assert story.passes().phase is Phase.ARMED


def test_a_blind_guard_does_not_kill_when_its_control_comes_in() -> None:
    story = Story(blind_after=3).suspect().fails(3).runs_in("EEE")
    assert story.phase is Phase.BLIND
    assert not story.control("passes").flips
    assert "blind: 3 runs in a row could not judge" in story.blockers
    assert story.fails().phase is Phase.KILLING, "it sees again"


def test_a_confirmation_that_could_not_judge_is_asked_for_again_until_the_guard_is_blind() -> None:
    story = Story(blind_after=3, propagation={"retry_s": 2}).suspect()
    again = [("widget", Purpose.CONFIRM, 2.0)]
    assert story.runs_in("E", purpose=Purpose.CONFIRM).runs_asked() == again
    assert story.runs_in("E", purpose=Purpose.SCHEDULED).runs_asked() == []
    assert story.runs_in("E", purpose=Purpose.CONFIRM).runs_asked() == []
    assert story.runs_in("E", purpose=Purpose.CONFIRM).runs_asked() == []


def test_unknown_runs_keep_a_suspicion_as_it_is() -> None:
    story = Story().suspect().runs_in("EE")
    assert story.phase is Phase.SUSPECT
    assert story.control("passes").fails(2).runs_in("S").fails().phase is Phase.KILLING


def test_an_observing_guard_says_once_that_it_would_have_tripped() -> None:
    story = Story(mode="observe").suspect().control("passes").fails(5)
    assert not story.flips
    assert story.notes.count("would have tripped") == 1
    assert story.phase is Phase.SUSPECT
    assert not story.ever_asked(OpenIncident)


@pytest.mark.parametrize("evidence", ["run", "control"])
def test_a_run_told_twice_changes_nothing_the_second_time(evidence: str) -> None:
    story = Story().suspect()
    if evidence == "run":
        twice = run(Outcome.FAILED, 1, id="same")
        story.take(twice)
        before = story.state
        story.take(twice)
    else:
        story.control("fails", run_id="same")
        before = story.state
        story.control("passes", run_id="same")
    assert story.last == ()
    now = story.state.updated_at
    assert story.state == replace(before, updated_at=now)


def test_only_the_newest_run_ids_are_remembered() -> None:
    story = Story().passes(130)
    assert len(story.state.seen) == 128


def test_a_run_from_before_the_last_flip_is_stale() -> None:
    story = Story().killed()
    story.operator("reset").written(restore=True)
    assert story.state.counts_since is not None
    late = (story.state.counts_since - at(0)) - timedelta(milliseconds=1)
    assert story.take(run(Outcome.FAILED, late.total_seconds())).phase is Phase.ARMED
    on_time = (story.state.counts_since - at(0)).total_seconds()
    assert story.take(run(Outcome.FAILED, on_time)).phase is Phase.SUSPECT


def test_a_flag_that_is_known_to_be_off_is_not_killed_again() -> None:
    story = Story().flag_is(True).suspect().control("passes")
    assert "the flag already has the value that the act writes" not in story.blockers
    off = Story(confirmations=1, hard_confirmations=1)
    off.flag_is(True).suspect().fails()
    off.state = replace(off.state, flag_value=False)
    assert not off.control("passes").fails().flips
    assert off.blockers == ("the flag already has the value that the act writes",)


def test_a_guard_with_no_suspicion_says_why_it_does_not_act() -> None:
    assert Story().blockers == ("no rule is breached",)


def test_the_kill_budget_latches_and_a_persons_reset_starts_it_anew() -> None:
    story = Story(kills_per_day=2)
    for _ in range(2):
        story.killed().operator("reset").written(restore=True)
    story.killing()
    assert story.phase is Phase.LATCHED
    assert len(story.flips) == 4, "two kills, two resets, and no third kill"
    assert "LATCHED: 2 kills in 24 h, the budget is 2" in story.pages[0]
    assert not story.fails(3).flips[4:]
    assert story.operator("reset").phase is Phase.SUSPECT
    assert story.fails().phase is Phase.KILLING


def test_kills_older_than_a_day_are_off_the_budget() -> None:
    story = Story(kills_per_day=1).killed().operator("reset").written(restore=True)
    story.wait(24 * 3600).killing()
    assert story.phase is Phase.KILLING


def test_a_latch_outlives_the_day_whose_kills_set_it() -> None:
    story = Story(kills_per_day=1).killed().operator("reset").written(restore=True).killing()
    assert story.phase is Phase.LATCHED
    story.wait(2 * 24 * 3600).fails(2).control("passes").fails()
    assert story.blockers == ("latched: 1 kills in 24 h, the budget is 1",)
    assert len(story.flips) == 2
