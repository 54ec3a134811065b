"""What confirms a breach: hard and soft runs, runs and controls in pairs."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.guard import Phase
from daemon.guard.asking import soon_asked
from daemon.guard.messages import CloseIncident, OpenIncident, RunProbe
from probes.model import Outcome, Purpose
from tests.daemon.build import run, slow
from tests.daemon.story import Story, tell_runs

LIMIT_3 = {"rule": "consecutive_failures", "limit": 3}
RATIO = {"rule": "failure_ratio", "limit": 0.9, "window_s": 600, "min_runs": 50}
SLOW = {"rule": "step_duration", "step": "open", "limit_s": 2, "runs": 1}
CONFIRM: dict[str, Any] = {"purpose": Purpose.CONFIRM}


# --- hard and soft ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "trips"),
    [
        ("H", False),
        ("HH", True),
        ("FF", False),
        ("FFF", True),
        ("HF", False),
        ("HFH", True),
        ("FFH", True),
        ("FH", False),
    ],
)
def test_hard_failures_need_fewer_runs_than_soft_ones(pattern: str, trips: bool) -> None:
    story = tell_runs(Story().suspect().control("passes"), pattern)
    assert bool(story.flips) is trips


@pytest.mark.parametrize(("hard", "trips"), [(1, False), (2, False), (3, True)])
def test_hard_runs_have_their_own_limit(hard: int, trips: bool) -> None:
    story = Story(confirmations=9, hard_confirmations=3).suspect().control("passes")
    assert bool(tell_runs(story, "H" * hard).flips) is trips


def test_a_hard_failure_that_no_page_was_exposed_to_confirms_nothing() -> None:
    story = tell_runs(Story().suspect().control("passes"), "HHHHH", exposed=False)
    assert not story.flips


def test_what_is_missing_is_said_in_both_numbers() -> None:
    story = tell_runs(Story().suspect().control("passes"), "H")
    assert story.blockers == ("1 of 3 confirming runs with the flag seen, or 1 of 2 hard ones",)


def test_the_first_breaching_run_is_no_confirmation_of_itself() -> None:
    story = tell_runs(Story(confirmations=1, hard_confirmations=1), "H").control("passes")
    assert not story.flips
    assert tell_runs(story, "H").flips


# --- pairs and the runs asked for -----------------------------------------------------------------


def test_every_suspicion_begins_with_a_pair_whose_control_goes_first() -> None:
    story = Story(control_max_age_s=5)
    for _ in range(4):
        story.suspect().passes(2)
    pairs = [order for order in story.ever_asked(RunProbe) if order.control]
    assert [order.control_first for order in pairs] == [True] * 4
    assert {(order.probe, order.control) for order in pairs} == {("widget", "control")}


def test_the_first_pair_alone_leads_to_the_act() -> None:
    story = Story(hard_confirmations=1).suspect()
    (pair,) = story.asked(RunProbe)
    tellings = [lambda: story.control("passes"), lambda: tell_runs(story, "H", **CONFIRM)]
    for tell in tellings if pair.control_first else tellings[::-1]:
        tell()
    assert story.flips


def test_a_breach_reached_by_a_run_that_passed_begins_with_a_run_as_nothing_stands_beside() -> None:
    ratio = {"rule": "failure_ratio", "limit": 0.5, "window_s": 600, "min_runs": 4}
    story = Story(ratio).runs_in("FFPP")
    (pair,) = story.asked(RunProbe)
    assert (pair.control, pair.control_first) == ("control", False)


def test_what_is_asked_soon_is_only_so_for_a_while() -> None:
    story = Story(control_max_age_s=30, silent_after_s=900).suspect()
    assert soon_asked(story.spec, story.state, story.now) == ("widget", "proof")
    story.wait(60)
    assert soon_asked(story.spec, story.state, story.now)
    story.wait(1)
    assert soon_asked(story.spec, story.state, story.now) == ()


@pytest.mark.parametrize("why", ["held", "site", "observed"])
def test_a_guard_that_cannot_act_now_asks_for_nothing_soon(why: str) -> None:
    story = Story(mode="observe" if why == "observed" else "enforce").suspect()
    if why == "held":
        story.operator("hold")
    elif why == "site":
        story.control("fails")
    else:
        tell_runs(story.control("passes"), "HH")
    assert soon_asked(story.spec, story.state, story.now) == ()
    if why == "observed":
        enforcing = story.spec.model_copy(update={"mode": "enforce"})
        assert soon_asked(enforcing, story.state, story.now)


def test_run_and_control_go_first_in_turn_while_a_suspicion_lasts() -> None:
    story = Story(confirmations=9, hard_confirmations=9, control_max_age_s=5).suspect()
    story.wait(10).fails().wait(10).fails()
    assert [order.control_first for order in story.ever_asked(RunProbe)] == [True, False, True]
    assert [order.fresh for order in story.ever_asked(RunProbe)] == [True, False, False]


def test_a_confirmation_that_came_in_leads_to_the_next_at_once() -> None:
    story = Story().suspect().control("passes")
    assert story.fails(**CONFIRM).runs_asked() == [("widget", Purpose.CONFIRM, 0)]
    assert story.fails(**CONFIRM).runs_asked() == [("widget", Purpose.CONFIRM, 0)]
    assert story.fails(**CONFIRM).flips


def test_a_scheduled_run_does_not_double_a_confirmation_under_way() -> None:
    story = Story().suspect().control("passes")
    assert story.fails().runs_asked() == []
    assert story.fails().runs_asked() == []


def test_one_order_runs_at_every_location_and_only_the_first_that_comes_in_leads_on() -> None:
    story = Story(quorum=3, confirmations=10, hard_confirmations=10)
    story.fails(location="a").control("passes")
    begun = (story.now - run().started_at).total_seconds()
    asked = []
    for location in "abc":
        story.take(run(Outcome.FAILED, begun, location=location, **CONFIRM))
        asked.append(len(story.asked(RunProbe)))
    assert asked == [1, 0, 0]


def test_a_confirmation_that_errs_at_every_location_is_asked_for_once_more_not_thrice() -> None:
    story = Story(blind_after=9).suspect()
    begun = (story.now - run().started_at).total_seconds()
    asked = []
    for location in "abc":
        story.take(run(Outcome.ERROR, begun, location=location, **CONFIRM))
        asked.append(len(story.asked(RunProbe)))
    assert asked == [1, 0, 0]


def test_a_long_suspicion_at_many_locations_does_not_multiply_its_runs() -> None:
    story = Story(quorum=3, confirmations=10, hard_confirmations=10, kills_per_day=1)
    story.operator("hold").fails(location="a")
    under_way = 1
    for _ in range(100):  # one batch after the other, each at three locations
        orders, begun = under_way, (story.now - run().started_at).total_seconds()
        under_way = 0
        for _ in range(min(orders, 4)):
            for location, outcome in zip("abc", (Outcome.FAILED, Outcome.ERROR), strict=False):
                story.take(run(outcome, begun, location=location, **CONFIRM))
                under_way += len(story.asked(RunProbe))
            story.control("unknown", started_s_ago=0.1)
            under_way += len([o for o in story.asked(RunProbe) if o.purpose is Purpose.CONFIRM])
        assert under_way <= 2


def test_a_failing_control_at_every_location_is_asked_again_once() -> None:
    story = Story().suspect()
    for n, asked in enumerate((1, 0, 0)):
        begun_s_ago = 0.5 + n  # all three began before the first came in
        story.control("fails", started_s_ago=begun_s_ago, run_id=f"control-{n}")
        controls = [o for o in story.asked(RunProbe) if o.purpose is Purpose.CONTROL]
        assert len(controls) == asked


# --- below the limit ------------------------------------------------------------------------------


def test_a_first_failure_below_the_limit_is_looked_at_again_at_once_in_a_fresh_browser() -> None:
    story = Story(LIMIT_3).fails()
    (order,) = story.asked(RunProbe)
    assert (order.probe, order.purpose, order.not_before) == ("widget", Purpose.CONFIRM, None)
    assert (order.control, order.fresh) == ("", True)
    assert story.phase is Phase.ARMED
    (order,) = story.fails(**CONFIRM).asked(RunProbe)
    assert not order.fresh, "the first look was fresh already"
    assert story.fails(**CONFIRM).phase is Phase.SUSPECT


def test_a_pass_ends_the_looking() -> None:
    story = Story(LIMIT_3).fails().passes(**CONFIRM)
    assert story.runs_asked() == []
    assert story.state.failing == ()


@pytest.mark.parametrize("exposed", [False, None])
def test_a_failure_that_nobody_exposed_met_is_left_to_the_schedule(exposed: bool | None) -> None:
    assert Story(LIMIT_3).fails(exposed=exposed).runs_asked() == []


def test_a_look_under_way_is_not_doubled_and_a_lost_one_is_asked_for_again() -> None:
    story = Story(RATIO).fails()
    assert story.fails(5).runs_asked() == []
    assert story.wait(24).fails().runs_asked() == []
    assert story.wait(1).fails().runs_asked() == [("widget", Purpose.CONFIRM, 0)]


def test_a_look_that_could_not_judge_is_asked_for_again_until_the_guard_is_blind() -> None:
    story = Story(LIMIT_3, blind_after=3, propagation={"retry_s": 2}).fails()
    assert story.runs_in("E", **CONFIRM).runs_asked() == [("widget", Purpose.CONFIRM, 2)]
    assert story.wait(2).runs_in("E", **CONFIRM).runs_asked() == [("widget", Purpose.CONFIRM, 2)]
    assert story.wait(2).runs_in("E", **CONFIRM).runs_asked() == []
    assert story.phase is Phase.BLIND


def test_looking_again_at_many_locations_does_not_multiply_the_runs() -> None:
    story = Story(RATIO).fails(location="a")
    for _ in range(10):
        begun = (story.now - run().started_at).total_seconds()
        asked = 0
        for location in "abc":
            story.take(run(Outcome.FAILED, begun, location=location, **CONFIRM))
            asked += len(story.asked(RunProbe))
        assert asked == 1


def test_a_failure_that_no_rule_counts_is_not_looked_at_for_ever() -> None:
    story = Story(SLOW)
    for _ in range(5):
        assert story.fails(**CONFIRM).runs_asked() == []
    assert story.phase is Phase.ARMED


def test_a_held_guard_leaves_failures_below_the_limit_to_the_schedule() -> None:
    assert Story(LIMIT_3).operator("hold").fails().runs_asked() == []


# --- whose fault ----------------------------------------------------------------------------------


def test_where_only_the_control_fails_the_guard_says_that_a_kill_would_hurt() -> None:
    story = Story().suspect().fails(3).passes().control("fails")
    assert "only the control fails, so a kill would hurt: seen by the control" in story.notes
    assert story.phase is Phase.SUSPECT, "the site is up: the widget's page passes"
    assert not story.ever_asked(OpenIncident)
    story.control("fails")
    assert story.notes.count("a kill would hurt") == 1


def test_where_both_fail_nothing_is_said_of_a_kill_that_hurts() -> None:
    assert "would hurt" not in Story().suspect().fails(3).control("fails").notes


def test_a_slow_widget_confirms_as_softly_as_it_is() -> None:
    story = Story(SLOW).take(slow(3.0)[0]).control("passes")
    for one in slow(3.0, 3.0):
        story.take(one)
    assert not story.flips
    story.take(slow(3.0)[0])
    assert story.flips


def test_a_site_incident_turns_into_one_about_a_powerless_flag_but_not_back() -> None:
    story = Story().suspect().control("fails").fails(2)
    assert story.phase is Phase.SITE_DOWN
    assert story.control("powerless").phase is Phase.POWERLESS
    story.control("fails").control("powerless").fails(3)
    causes = [opened.incident.cause for opened in story.ever_asked(OpenIncident)]
    assert causes == ["site", "powerless"]
    (closed,) = story.ever_asked(CloseIncident)
    assert closed.incident.cause == "site"
