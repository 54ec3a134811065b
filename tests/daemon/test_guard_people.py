"""What people do: hold, release, trip, and change the flag themselves."""

from __future__ import annotations

import pytest

from daemon.guard import GuardRefuses, Phase
from daemon.guard.messages import CloseIncident, Flip, OpenIncident
from tests.daemon.story import Story


def test_a_hold_keeps_the_guards_hands_off_until_it_ends() -> None:
    story = Story().operator("hold", until_s=60).suspect().control("passes").fails(3)
    assert story.phase is Phase.HELD
    assert story.blockers == ("an operator's hold is in force until 2026-01-05 12:01:01 UTC",)
    assert "HELD by ann until 2026-01-05 12:01:01 UTC: because" in story.notes
    story.wait(60)
    assert story.phase is Phase.SUSPECT
    assert story.fails().control("passes").fails().phase is Phase.KILLING


def test_a_hold_without_an_end_lasts_until_it_is_released() -> None:
    story = Story().operator("hold").wait(10**6).suspect().fails(3)
    assert story.phase is Phase.HELD
    assert "HELD by ann until released" in story.notes
    story.operator("release")
    assert story.phase is Phase.SUSPECT
    assert story.control("passes").fails().phase is Phase.KILLING


@pytest.mark.parametrize("until_s", [0, -1])
def test_a_hold_that_would_end_in_the_past_is_refused(until_s: float) -> None:
    with pytest.raises(GuardRefuses, match="end in the past"):
        Story().operator("hold", until_s=until_s)


def test_releasing_what_is_not_held_is_refused() -> None:
    with pytest.raises(GuardRefuses, match="nothing to release"):
        Story().operator("release")
    with pytest.raises(GuardRefuses, match="nothing to release"):
        Story().operator("hold", until_s=5).wait(5).operator("release")


@pytest.mark.parametrize("verb", ["trip", "reset", "hold", "release"])
def test_every_command_needs_a_reason(verb: str) -> None:
    with pytest.raises(GuardRefuses, match="reason is required"):
        Story().operator(verb, " \t")


@pytest.mark.parametrize(
    "changes",
    [{}, {"mode": "observe"}, {"act": "fallback"}],
    ids=["enforce", "observe", "fallback"],
)
def test_an_operators_trip_acts_in_every_mode_and_is_the_operators(changes: dict[str, str]) -> None:
    story = Story(**changes).operator("trip", "drill")
    (flip,) = story.asked(Flip)
    (opened,) = story.asked(OpenIncident)
    assert (flip.to, flip.by, flip.reason) == (story.spec.acts_to, "ann", "drill")
    assert opened.incident.cause == "operator"
    assert story.phase is Phase.KILLING


def test_an_operators_trip_takes_over_a_suspicion() -> None:
    story = Story().suspect().operator("trip")
    assert story.state.kill is not None
    assert story.state.kill.first_failed_at is not None
    assert story.state.suspicion is None


def test_tripping_what_is_tripped_is_refused() -> None:
    with pytest.raises(GuardRefuses, match=r"already tripped \(killed\)"):
        Story().killed().operator("trip")


def test_resetting_what_was_never_tripped_is_refused() -> None:
    with pytest.raises(GuardRefuses, match=r"not tripped \(armed\)"):
        Story().operator("reset")
    with pytest.raises(GuardRefuses, match="set the flag back yourself"):
        Story().flag_is(True).flag_is(False).operator("reset")


def test_the_first_reading_of_an_exposing_flag_is_no_news() -> None:
    story = Story().flag_is(True)
    assert (story.phase, story.last) == (Phase.ARMED, ())
    assert story.state.flag_value is True
    assert story.flag_is(True).last == ()


def test_a_flag_found_off_at_the_start_is_a_persons_decision() -> None:
    assert Story().flag_is(False).phase is Phase.HUMAN_OFF


def test_a_person_who_turns_the_flag_off_is_adopted_and_runs_do_not_count_then() -> None:
    story = Story().flag_is(True).suspect().flag_is(False)
    assert story.phase is Phase.HUMAN_OFF
    assert "a person's decision, adopted" in story.notes
    story.fails(5).control("passes").runs_in("EEEEEE")
    assert story.phase is Phase.HUMAN_OFF
    assert not story.flips


def test_a_person_who_turns_a_killed_flag_on_ends_the_incident_and_is_respected() -> None:
    story = Story(human_on_s=60).killed().flag_is(True)
    assert story.phase is Phase.HUMAN_ON
    assert len(story.asked(CloseIncident)) == 1
    story.suspect().control("passes").fails(3)
    until = "hands off until 2026-01-05 12:01:08 UTC"
    assert story.blockers == (f"a person turned the flag on: {until}",)
    assert until in story.notes
    assert story.phase is Phase.HUMAN_ON
    assert len(story.flips) == 1, "no fight"


def test_hands_off_after_a_persons_on_lasts_so_long_and_no_longer() -> None:
    story = Story(human_on_s=60).killed().flag_is(True).wait(59.999)
    assert story.phase is Phase.HUMAN_ON
    assert story.wait(0.001).phase is Phase.ARMED
    assert story.killing().phase is Phase.KILLING


def test_a_fallback_guard_reads_people_the_other_way_round() -> None:
    story = Story(act="fallback").flag_is(False)
    assert story.phase is Phase.ARMED
    assert story.flag_is(True).phase is Phase.HUMAN_OFF
    assert story.flag_is(False).phase is Phase.HUMAN_ON


def test_a_value_read_before_our_own_write_is_not_a_person() -> None:
    story = Story().flag_is(True).killing().written()
    assert story.flag_is(True, read_s_ago=1).phase is Phase.KILLED_UNVERIFIED
    assert story.flag_is(True, read_s_ago=0).phase is Phase.HUMAN_ON


@pytest.mark.parametrize("resetting", [False, True])
def test_the_store_is_not_believed_while_a_flip_is_under_way(resetting: bool) -> None:
    story = Story().flag_is(True).killing()
    if resetting:
        story.written().operator("reset")
    phase = story.phase
    assert story.flag_is(resetting).phase is phase


@pytest.mark.parametrize("value", [True, False])
def test_an_operators_flip_that_took_the_place_of_a_kill_is_adopted(value: bool) -> None:
    story = Story().flag_is(True).killing().flag_is(value, decided=True)
    assert story.phase is (Phase.HUMAN_ON if value else Phase.HUMAN_OFF)
    assert story.state.kill is None
    assert len(story.asked(CloseIncident)) == 1


def test_an_operators_flip_before_the_store_was_ever_read_ends_a_waiting_kill() -> None:
    assert Story().killing().flag_is(True, decided=True).phase is Phase.HUMAN_ON


@pytest.mark.parametrize("value", [True, False])
def test_an_operators_flip_that_took_the_place_of_a_reset_is_adopted(value: bool) -> None:
    story = Story().killed().operator("reset").flag_is(value, decided=True)
    assert story.phase is (Phase.HUMAN_ON if value else Phase.HUMAN_OFF)
    assert story.state.kill is None


def test_an_operators_flip_to_the_value_that_the_kill_wrote_leaves_the_kill_resettable() -> None:
    story = Story().killed().flag_is(False, decided=True)
    assert story.phase is Phase.KILLED
    assert story.operator("reset").written(restore=True).phase is Phase.ARMED


def test_a_persons_on_does_not_unlatch_a_guard_whose_kills_failed() -> None:
    story = Story(human_on_s=10)
    story.killing().write_fails().written().proof(True).operator("reset").written(restore=True)
    story.killing().write_fails().written().flag_is(True).wait(60)
    assert story.phase is Phase.LATCHED
    assert story.killing().blockers == ("latched: 2 failed kills in 24 h",)
