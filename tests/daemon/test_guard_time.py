"""What time alone changes: silence, and the ends of holds and of hands off."""

from __future__ import annotations

import pytest

from daemon.guard import Phase, is_due
from daemon.guard.messages import Flip, Page, TimePassed
from probes.model import Purpose
from tests.daemon.build import run
from tests.daemon.story import Story


@pytest.mark.parametrize(("after_s", "blind"), [(58, False), (59, False), (59.001, True)])
def test_a_guard_that_hears_of_no_run_for_too_long_is_blind(after_s: float, blind: bool) -> None:
    story = Story(silent_after_s=60).passes().time_passes(after_s)
    assert (story.phase is Phase.BLIND) is blind
    assert bool(story.asked(Page)) is blind


def test_silence_wakes_people_once_and_ends_with_a_run_that_judges() -> None:
    story = Story(silent_after_s=60).passes().time_passes(61)
    assert story.pages == ["BLIND: no run has judged for 60 s"]
    assert story.time_passes(600).last == ()
    assert story.runs_in("ES").phase is Phase.BLIND
    assert story.passes().phase is Phase.ARMED
    assert len(story.time_passes(61).pages) == 2, "a new silence is news"


def test_a_new_guard_that_never_heard_of_a_run_is_not_called_silent() -> None:
    assert Story(silent_after_s=60).time_passes(10**5).phase is Phase.ARMED


def test_a_late_run_does_not_turn_the_clock_back() -> None:
    story = Story(silent_after_s=60).wait(100).passes()
    story.take(run(at_s=1))
    assert not is_due(story.spec, story.state, story.now)


def test_what_no_run_can_judge_is_no_silence() -> None:
    story = Story(silent_after_s=60).killed()
    assert story.time_passes(10**4).phase is Phase.KILLED
    story.operator("reset").written(restore=True)
    assert story.time_passes(1).phase is Phase.ARMED, "users have met it again for a second only"
    assert story.time_passes(60).phase is Phase.BLIND


def test_a_flag_that_a_person_turned_off_and_on_is_no_silence_either() -> None:
    story = Story(silent_after_s=60, human_on_s=1).flag_is(True).passes().flag_is(False)
    assert story.time_passes(10**4).phase is Phase.HUMAN_OFF
    assert story.flag_is(True).time_passes(2).phase is Phase.ARMED
    assert not story.pages


def test_a_silent_guard_does_not_act_on_what_it_saw_before() -> None:
    story = Story(silent_after_s=60).suspect().fails(3).time_passes(61)
    assert story.phase is Phase.BLIND
    assert not story.control("passes").flips
    assert story.blockers[0] == "blind: no run has judged for 60 s"
    assert story.fails().control("passes").fails().flips, "it sees again"


@pytest.mark.parametrize(
    "given",
    [
        lambda story: story,
        lambda story: story.passes(),
        lambda story: story.suspect(),
        lambda story: story.suspect().control("fails").fails(2),
        lambda story: story.killing(),
        lambda story: story.killed(),
        lambda story: story.operator("hold"),
        lambda story: story.flag_is(True).flag_is(False),
        lambda story: story.passes().wait(601),
    ],
)
def test_time_told_twice_changes_nothing_the_second_time(given: object) -> None:
    story = Story(recovery="ramp")
    given(story)  # type: ignore[operator]
    story.wait(1).tell(TimePassed())
    before = story.state
    story.tell(TimePassed())
    assert (story.state, story.last) == (before, ())
    assert not is_due(story.spec, story.state, story.now)


def test_a_hold_ends_by_itself_and_says_when() -> None:
    story = Story(confirmations=2).operator("hold", "release day", until_s=90)
    story.suspect().control("passes").fails(2)
    assert story.phase is Phase.HELD
    assert story.blockers == ("an operator's hold is in force until 2026-01-05 12:01:31 UTC",)
    assert not story.flips
    story.now = story.now.replace(minute=1, second=30, microsecond=999_999)
    assert story.phase is Phase.HELD
    assert story.wait(1e-6).phase is Phase.SUSPECT
    story.fails().control("passes").fails()
    assert story.asked(Flip)


def test_hands_off_after_a_person_ends_by_itself_and_says_when() -> None:
    story = Story(human_on_s=60).flag_is(False).flag_is(True)
    assert "hands off until 2026-01-05 12:01:02 UTC" in story.notes
    assert story.wait(59.999).phase is Phase.HUMAN_ON
    assert story.wait(0.001).phase is Phase.ARMED


def test_purposes_that_are_no_evidence_end_no_silence() -> None:
    story = Story(silent_after_s=60).passes().wait(61)
    story.passes(purpose=Purpose.DRILL)
    assert story.phase is Phase.BLIND
