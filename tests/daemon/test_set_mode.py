"""An operator's mode is a committed row before it is in force, or it never was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from daemon.audit import Signed
from daemon.guard import Phase
from daemon.guard.messages import TimePassed
from daemon.guard.state import GuardState
from daemon.journal import JournalError
from daemon.modes import ModeRefused
from daemon.tables import AUDIT, MODES
from daemon.turn import Turn
from tests.daemon.desk import GUARD, Desk

PAT = Signed("pat", "we deploy", "req-1")


def test_a_mode_that_could_not_be_kept_was_never_in_force(desk: Desk) -> None:
    with desk.journal_locked(), pytest.raises(JournalError):
        desk.engine.set_mode(GUARD, "observe", PAT)
    assert (desk.engine.config.guards[GUARD].mode, desk.phase) == ("enforce", Phase.ARMED)
    assert (desk.rows(MODES), desk.rows(AUDIT)) == ([], [])
    desk.trip()
    assert desk.flag_state.value == "off"


def test_a_mode_whose_turn_was_not_committed_is_taken_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = desk.journal.turn

    @contextmanager
    def cannot_commit() -> Iterator[Turn]:
        with turn() as opened:
            yield opened
            raise JournalError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(desk.journal, "turn", cannot_commit)
        with pytest.raises(JournalError):
            desk.engine.set_mode(GUARD, "observe", PAT)
    assert (desk.phase, desk.engine.modes.of(GUARD), desk.rows(MODES)) == (Phase.ARMED, None, [])
    desk.trip()
    assert desk.flag_state.value == "off"


def test_what_the_caller_did_not_see_keeps_it_from_being_set(desk: Desk) -> None:
    def look(_spec: object, state: GuardState) -> None:
        raise LookupError(state.flag_value)

    with pytest.raises(LookupError):
        desk.engine.set_mode(GUARD, "observe", PAT, look)
    assert desk.engine.config.guards[GUARD].mode == "enforce"
    assert desk.rows(MODES) == []


def test_who_looked_before_the_mode_was_set_folds_by_the_new_one(desk: Desk) -> None:
    looked_up = desk.engine.config.guards[GUARD]
    desk.engine.set_mode(GUARD, "observe", PAT)
    with desk.journal.turn() as turn:
        spec, _ = desk.engine._states.fold(turn, looked_up, lambda _turn, _state: TimePassed())
    assert (looked_up.mode, spec.mode) == ("enforce", "observe")


def test_a_suspicion_under_way_trips_once_its_guard_may_act(desk: Desk) -> None:
    desk.engine.set_mode(GUARD, "observe", PAT)
    desk.trip()
    assert desk.flag_state.value == "on"
    desk.engine.set_mode(GUARD, "enforce", PAT)
    assert desk.flag_state.value == "on", "a mode is no evidence"
    desk.control().fails()
    assert desk.flag_state.value == "off"


def test_a_restart_and_a_reload_keep_it_and_nobody_is_no_guard(desk: Desk) -> None:
    changed: list[str] = []
    desk.engine.modes.changed = lambda config: changed.append(config.guards[GUARD].mode)
    desk.engine.set_mode(GUARD, "observe", PAT)
    desk.engine.reload(desk.config)
    assert changed == ["observe", "observe"]
    desk.reopen()
    assert desk.phase is Phase.OBSERVE
    assert desk.engine.modes.configured(GUARD) == "enforce"
    kept = desk.engine.modes.of(GUARD)
    assert kept is not None
    assert kept.by == "pat"
    with pytest.raises(KeyError):
        desk.engine.set_mode("nobody", "observe", PAT)
    with pytest.raises(ModeRefused, match="is in observe mode already, set by pat"):
        desk.engine.set_mode(GUARD, "observe", PAT)
    desk.engine.set_mode(GUARD, "configured", PAT)
    assert desk.phase is Phase.ARMED
    assert desk.rows(MODES) == []
