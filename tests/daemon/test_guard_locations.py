"""Several locations: a quorum of them confirms, and each has a control of its own."""

from __future__ import annotations

import pytest

from daemon.guard import Phase
from daemon.guard.messages import RunProbe
from probes.model import Outcome, Purpose
from tests.daemon.build import T0, run
from tests.daemon.ramps import at_step, kills
from tests.daemon.story import Story, tell_runs

LIMIT_3 = {"rule": "consecutive_failures", "limit": 3}

# --- a quorum -----------------------------------------------------------------------------------


def test_one_location_never_fills_a_quorum_of_two() -> None:
    story = Story(quorum=2).suspect().control("passes").fails(12)
    assert not story.flips
    assert story.blockers == (
        "12 of 3 confirming runs with the flag seen, or 0 of 2 hard ones; "
        "1 of 2 locations have enough",
    )


@pytest.mark.parametrize(
    ("quorum", "locations", "trips"),
    [(1, 1, True), (2, 1, False), (2, 2, True), (2, 3, True), (3, 2, False), (3, 3, True)],
)
def test_a_quorum_of_locations_must_confirm_each_by_itself(
    quorum: int, locations: int, trips: bool
) -> None:
    story = Story(quorum=quorum).fails(location="a").control("passes")
    for location in "abc"[:locations]:
        story.fails(3, location=location)
    assert bool(story.flips) is trips


def test_one_locations_runs_never_confirm_for_another() -> None:
    story = Story().fails(location="a").control("passes")
    for _ in range(2):
        for location in "abc":
            story.fails(location=location)
    assert not story.flips, "six runs, but no location has three"
    assert story.fails(location="b").flips


def test_hard_runs_of_two_locations_do_not_add_up() -> None:
    story = Story().fails(location="a").control("passes")
    tell_runs(story, "H", location="a")
    tell_runs(story, "H", location="b")
    assert not story.flips
    assert tell_runs(story, "H", location="b").flips


def test_a_location_whose_own_rule_is_not_breached_confirms_nothing() -> None:
    story = Story(LIMIT_3, quorum=2).fails(3, location="a").control("passes").fails(3, location="a")
    story.fails(2, location="b")
    assert not story.flips
    assert [each.location for each in story.state.suspicion.confirmed] == ["a"]  # type: ignore[union-attr]


def test_a_location_that_healed_takes_its_confirmations_with_it() -> None:
    story = Story(quorum=2).fails(location="a").control("passes").fails(3, location="a")
    story.fails(1, location="b").passes(1, location="a").fails(2, location="b")
    assert not story.flips, "a is well again"
    assert story.phase is Phase.SUSPECT
    assert story.fails(3, location="a").flips


def test_a_location_that_fell_silent_confirms_no_longer() -> None:
    story = Story(quorum=2, silent_after_s=60).fails(location="a").control("passes")
    story.fails(3, location="a").fails(1, location="b").wait(60)
    story.fails(2, location="b").control("passes").fails(location="b")
    assert not story.flips, "what a saw a minute ago is no second witness"
    story.fails(3, location="a")
    assert story.flips


def test_a_location_that_says_nothing_at_all_holds_no_quorum_up() -> None:
    story = Story(quorum=2).fails(location="a").control("passes")
    for location in "ab":
        story.fails(3, location=location)
    assert story.flips, "c was never heard of"


def test_a_control_says_nothing_of_a_location_where_nothing_failed() -> None:
    story = Story(hard_confirmations=1).fails(location="b").control("passes", location="a")
    tell_runs(story, "HHH", location="b")
    assert not story.flips
    assert "the control has not been measured yet" in story.blockers
    tell_runs(story.control("passes", location="b"), "H", location="b")
    assert story.flips


def test_a_control_by_itself_is_asked_for_where_the_thing_fails() -> None:
    story = Story().suspect().control("fails").fails(3)
    alone = [order for order in story.ever_asked(RunProbe) if order.purpose is Purpose.CONTROL]
    assert {order.where for order in alone} == {"widget"}


def test_a_location_where_the_thing_passed_since_has_nothing_for_its_control_to_explain() -> None:
    story = Story(clear_passes=3).fails(location="b").passes(location="b").fails(location="a")
    story.control("passes", location="b")
    assert "the control has not been measured yet" in story.blockers


def test_a_control_that_fails_is_not_outdated_by_one_that_passes_elsewhere() -> None:
    story = Story(hard_confirmations=1).fails(location="b")
    story.control("fails", location="b").control("passes", location="a")
    tell_runs(story, "HHH", location="b")
    assert story.phase is Phase.SITE_DOWN
    assert not story.flips


@pytest.mark.parametrize("late", [False, True])
def test_what_fails_beside_its_own_control_is_killed_though_the_site_is_down_elsewhere(
    late: bool,
) -> None:
    story = Story(quorum=1).fails(location="b").control("fails", location="b")
    tell_runs(story, "HH", location="b")
    tell_runs(story, "H", location="a")
    story.control("passes", location="a")
    if late:
        story.control("fails", location="b", started_s_ago=4)
    tell_runs(story, "HHHH", location="b")
    assert not story.flips, "runs of a location whose control fails confirm nothing"
    assert tell_runs(story, "HH", location="a").flips


def test_runs_of_before_a_locations_control_passed_again_confirm_nothing() -> None:
    story = Story(control_max_age_s=99).fails(location="a").control("passes", location="a")
    tell_runs(story, "H", location="b")
    story.control("fails", location="b")
    story.control("passes", location="b")
    late = run(Outcome.FAILED, (story.now - T0).total_seconds() - 5, location="b", hard=True)
    story.take(late)
    tell_runs(story, "H", location="b")
    assert not story.flips
    assert tell_runs(story, "H", location="b").flips


# --- a ramp -------------------------------------------------------------------------------------


def test_a_site_that_is_down_for_one_location_does_not_end_a_ramp() -> None:
    story = at_step(1).fails(location="b").control("passes", location="a")
    story.fails(location="b", purpose=Purpose.CONFIRM)
    assert kills(story) == 1
    story.passes(location="a").control("fails", location="b").fails(location="b")
    assert kills(story) == 1
    assert kills(story.control("passes", location="b").fails(location="b")) == 2


def test_another_location_takes_the_place_of_one_that_fell_silent() -> None:
    story = at_step(1, control_max_age_s=30).fails(location="a").fails(3, location="b")
    assert story.state.probation is not None
    assert story.state.probation.location == "a"
    story.wait(31).fails(location="b").control("passes", location="b").fails(location="b")
    assert kills(story) == 2


def test_a_pass_elsewhere_does_not_clear_what_failed_here() -> None:
    story = at_step(1).fails(location="a").passes(location="b")
    assert kills(story.control("passes", location="a").fails(location="a")) == 2


def test_the_control_of_the_location_that_fell_silent_says_nothing_of_the_next() -> None:
    story = at_step(1, control_max_age_s=30).fails(location="a").wait(20)
    story.control("passes", location="a").wait(10).fails(2, location="b")
    assert kills(story) == 1
    assert kills(story.control("passes", location="b")) == 2
