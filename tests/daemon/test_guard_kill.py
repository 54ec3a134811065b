"""One trip from its decision to its proof and its reset: DESIGN section 4, from KILLING on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.guard import GuardRefuses, Phase
from daemon.guard.messages import CloseIncident, FlipApplied, OpenIncident, RunProbe
from probes.model import Purpose
from tests.daemon.build import at
from tests.daemon.story import Story


def test_a_kill_that_is_not_yet_written_is_killing() -> None:
    assert Story().killing().phase is Phase.KILLING


def test_an_acknowledged_write_is_unverified_and_asks_for_a_proof_at_once() -> None:
    story = Story().killing().written()
    assert story.phase is Phase.KILLED_UNVERIFIED
    assert story.runs_asked() == [("proof", Purpose.PROOF, 0)]
    assert "widget_enabled is off in the store, read back equal" in story.notes


def test_a_proof_makes_it_killed() -> None:
    story = Story().killing().written().proof(True)
    assert story.phase is Phase.KILLED
    assert story.state.kill is not None
    assert story.state.kill.verified_at == story.now
    assert len(story.ever_asked(OpenIncident)) == 1
    assert not story.ever_asked(CloseIncident), "the incident lasts until the reset"


@pytest.mark.parametrize(
    ("budget_s", "phase"), [(3, Phase.KILL_FAILED), (3.1, Phase.KILLED_UNVERIFIED)]
)
def test_a_kill_unproven_when_its_budget_is_spent_has_failed(budget_s: float, phase: Phase) -> None:
    story = Story(propagation={"budget_s": budget_s}).killing().written()
    assert story.proof(False).phase is Phase.KILLED_UNVERIFIED
    assert story.wait(1).proof(False).phase is phase


def test_an_unproven_kill_is_looked_at_again_soon_and_slower_past_its_budget() -> None:
    story = Story(propagation={"budget_s": 4, "retry_s": 2}).killing().written()
    assert story.proof(False).runs_asked() == [("proof", Purpose.PROOF, 2)]
    assert story.wait(2).proof(False).runs_asked() == [("proof", Purpose.PROOF, 10)]


def test_a_proof_that_comes_late_still_makes_it_killed() -> None:
    story = Story(propagation={"budget_s": 1}).killing().written().proof(False)
    assert story.phase is Phase.KILL_FAILED
    assert story.wait(60).proof(True).phase is Phase.KILLED
    assert story.proof(False).phase is Phase.KILLED, "proven once is proven"


def test_a_proof_from_before_the_write_proves_nothing() -> None:
    story = Story().killing().written().proof(True, started_s_ago=1.5)
    assert story.phase is Phase.KILLED_UNVERIFIED


def test_a_proof_without_a_kill_or_before_its_write_changes_nothing() -> None:
    assert Story().proof(True).phase is Phase.ARMED
    assert Story().killing().proof(True).phase is Phase.KILLING


def test_a_proof_told_twice_asks_for_nothing_the_second_time() -> None:
    story = Story().killing().written().proof(False, run_id="same").proof(True, run_id="same")
    assert story.last == ()
    assert story.phase is Phase.KILLED_UNVERIFIED


def test_proofs_asked_for_by_restarts_do_not_go_on_for_ever_beside_one_another() -> None:
    story = Story(propagation={"budget_s": 600, "retry_s": 3}).killing().written()
    asked = 0
    for n in range(4):  # four chains, as after three restarts
        asked += len(story.proof(False, run_id=f"restart-{n}").asked(RunProbe))
    assert asked == 1
    assert len(story.wait(3).proof(False, run_id="the one").asked(RunProbe)) == 1


def test_a_failed_write_is_shown_and_said_once_and_its_success_ends_it() -> None:
    story = Story().killing().write_fails()
    assert story.phase is Phase.KILL_FAILED
    story.write_fails(attempts=2)
    assert len(story.pages) == 1
    assert "KILL_FAILED: the flip could not be written (try 1): no store" in story.said
    assert story.written().phase is Phase.KILLED_UNVERIFIED


def test_two_failed_kills_in_a_day_latch_the_guard() -> None:
    story = Story()
    for _ in range(2):
        story.killing().write_fails().written().proof(True)
        latched = story.phase
        story.operator("reset") if latched is Phase.KILLED else None
        story.written(restore=True) if latched is Phase.KILLED else None
    assert story.phase is Phase.LATCHED
    assert story.state.latched == "2 failed kills in 24 h"
    story.operator("reset").written(restore=True)
    assert story.phase is Phase.ARMED
    story.killing().write_fails().written().proof(True)
    assert story.phase is Phase.KILLED, "a person has looked: the count began anew"


def test_failed_kills_older_than_a_day_do_not_latch() -> None:
    story = Story().killing().write_fails().written().proof(True).operator("reset")
    story.written(restore=True).wait(24 * 3600)
    story.killing().write_fails().written().proof(True)
    assert story.phase is Phase.KILLED


def test_a_restore_that_fails_is_said_and_the_kill_stands() -> None:
    story = Story().killed().operator("reset").write_fails(restore=True)
    assert story.phase is Phase.KILLED
    assert "could not be written (try 1): no store" in story.notes
    assert story.written(restore=True).phase is Phase.ARMED


def test_a_failure_of_a_flip_that_nobody_waits_for_changes_nothing() -> None:
    assert Story().write_fails().phase is Phase.ARMED
    assert Story().written().phase is Phase.ARMED


def test_a_reset_closes_the_incident_and_arms_the_guard() -> None:
    story = Story().killed().operator("reset", "mended")
    (flip,) = story.flips[1:]
    assert (flip.to, flip.restore, flip.by, flip.reason) == (True, True, "ann", "mended")
    assert story.phase is Phase.KILLED, "until the store acknowledged it"
    story.written(restore=True)
    assert story.phase is Phase.ARMED
    assert len(story.asked(CloseIncident)) == 1
    assert story.state.incident is None


def test_a_reset_to_gates_that_exposed_nobody_leaves_a_persons_off_in_place() -> None:
    story = Story().operator("trip").written().operator("reset").written(False, restore=True)
    assert story.phase is Phase.HUMAN_OFF
    assert "nobody is exposed, as before the trip" in story.notes
    assert story.flag_is(False).last == (), "and the next reading of the store agrees"


def test_a_reset_may_come_before_the_write_and_wins() -> None:
    story = Story().killing().operator("reset")
    assert [flip.restore for flip in story.flips] == [False, True]
    assert story.written(restore=True).phase is Phase.ARMED


def test_a_reset_that_is_under_way_is_not_asked_twice() -> None:
    story = Story().killed().operator("reset")
    with pytest.raises(GuardRefuses, match="already being reset"):
        story.operator("reset")
    assert len(story.flips) == 2


def test_runs_while_the_act_is_in_force_change_nothing() -> None:
    story = Story().killed().fails(5).runs_in("EEEEEEE")
    assert story.phase is Phase.KILLED
    assert not story.asked(RunProbe)


def test_a_kill_is_not_overtaken_by_a_write_of_the_trip_after_the_reset_was_asked() -> None:
    story = Story().killing().operator("reset").written()
    assert story.phase is Phase.KILLED_UNVERIFIED
    assert story.written(restore=True).phase is Phase.ARMED


def test_an_incident_outlives_no_reset_and_ids_are_never_used_twice() -> None:
    story = Story(kills_per_day=9)
    for _ in range(3):
        story.killed().operator("reset").written(restore=True)
    ids = [opened.incident.id for opened in story.ever_asked(OpenIncident)]
    assert len(set(ids)) == 3
    assert [closed.incident.id for closed in story.ever_asked(CloseIncident)] == ids


def test_times_that_run_backwards_or_have_no_zone_are_refused() -> None:
    story = Story().suspect()
    before = story.state
    story.now = at(0)
    with pytest.raises(ValueError, match="is before the state's"):
        story.tell(FlipApplied(False, False))
    story.now = at(99).replace(tzinfo=None)
    with pytest.raises(ValueError, match="aware"):
        story.tell(FlipApplied(False, False))
    assert story.state == before


def test_the_same_instant_twice_is_no_step_backwards() -> None:
    story = Story().suspect()
    story.tell(FlipApplied(False, False))
    assert replace(story.state, updated_at=None).flag_value is False
