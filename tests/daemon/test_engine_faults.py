"""What survives: a store that fails, a newer decision, a crash at the worst instruction."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from config.schema import Config
from daemon.engine import Engine
from daemon.guard import GuardState, Phase
from daemon.guard.messages import Flip, OperatorAsked
from daemon.journal import Journal, JournalError
from daemon.states import States
from daemon.tables import DECISIONS, FLIPS, INCIDENTS, TIMELINE
from daemon.turn import Turn
from flags.model import Flag, FlagChanged, Gates
from flags.stores.sql import ENABLED
from probes.model import Outcome, Purpose, Run
from tests.daemon.build import FLAG
from tests.daemon.desk import GUARD, Desk

Opener = Callable[..., Desk]
TENTH = Gates.of(("percentage_of_actors", "10"))
DEADLINE_S = 10


class PowerCut(BaseException):
    """Nothing after this instruction happens."""


def pending_flips(desk: Desk) -> list[tuple[str, int]]:
    rows = desk.rows(DECISIONS)
    return [(row["state"], row["attempts"]) for row in rows if row["kind"] == "flip"]


@pytest.mark.parametrize("mode", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_kill_waits_for_a_store_that_is_down_and_lands_once_when_it_is_back(
    desk: Desk, mode: str
) -> None:
    with desk.store_locked(mode):
        desk.trip()
        assert desk.phase is Phase.KILL_FAILED
        assert pending_flips(desk) == [("pending", 1)]
        desk.wait().engine.apply_pending()
        assert pending_flips(desk) == [("pending", 2)]
        assert desk.flips == []
    desk.wait().engine.apply_pending()
    assert desk.phase is Phase.KILLED_UNVERIFIED
    assert pending_flips(desk) == [("applied", 2)]
    assert desk.flips == [("on", "off", "guard")]
    notes = [row["text"] for row in desk.rows(TIMELINE)]
    assert len([text for text in notes if text.startswith("PAGE: KILL_FAILED")]) == 1


def test_tries_are_spaced_and_the_next_is_due_within_half_a_second(desk: Desk) -> None:
    waits = []
    with desk.store_locked():
        desk.trip()
        for _ in range(4):
            due = desk.engine.apply_pending()
            assert due is not None
            waits.append((due - desk.now).total_seconds())
            desk.now = due
    assert waits == [0.1, 0.2, 0.4, 0.5]


def test_a_pending_kill_survives_a_restart_and_lands_once(desk: Desk) -> None:
    with desk.store_locked():
        desk.trip()
        desk.reopen()
        assert desk.phase is Phase.KILL_FAILED
    desk.wait().engine.apply_pending()
    desk.wait().engine.apply_pending()
    assert desk.flips == [("on", "off", "guard")]


@pytest.mark.parametrize("where", ["add_flip", "finish", "save_guard"])
def test_a_crash_between_write_and_commit_ends_in_one_flip_with_the_first_snapshot(
    desk_of: Opener, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    desk = desk_of(gates=TENTH)
    desk.fails().control().fails()
    desk.engine.take_run(desk.run_now())
    real = getattr(Turn, where)

    def cut(turn: Turn, *given: object) -> object:
        # Let turns pass that come before the write; the store then still has its gates.
        if desk.gates == TENTH:
            return real(turn, *given)
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(Turn, where, cut)
        with pytest.raises(PowerCut):
            desk.engine.apply_pending()
    assert desk.gates == Gates(), "the store was written"
    assert desk.flips == [], "and nobody knows"
    desk.reopen()
    assert desk.phase is Phase.KILLING
    desk.wait().engine.apply_pending()
    assert desk.phase is Phase.KILLED_UNVERIFIED
    assert desk.flips == [("conditional", "off", "guard")]
    assert desk.proof().ask("reset").gates == TENTH


def test_a_crash_between_snapshot_and_write_loses_nothing(
    desk_of: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_of(gates=TENTH)

    def cut(turn: Turn, *given: object) -> object:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(Turn, "keep_snapshot", cut)
        with pytest.raises(PowerCut):
            desk.trip()
    assert desk.gates == TENTH
    desk.reopen()
    desk.engine.apply_pending()
    assert desk.flips == [("conditional", "off", "guard")]


def test_a_daemon_that_dies_before_its_proof_asks_for_it_anew(desk: Desk) -> None:
    desk.trip()
    desk.reopen()
    desk.engine.apply_pending()
    assert [order.probe for order in desk.dispatched] == ["proof"]
    desk.proof()
    desk.reopen()
    desk.engine.apply_pending()
    assert desk.dispatched == [], "a proven kill owes none"


def test_a_newer_flip_takes_the_place_of_an_older_one_that_is_pending(desk: Desk) -> None:
    with desk.store_locked():
        desk.trip()
        desk.ask("reset", "false alarm")
    desk.wait().engine.apply_pending()
    assert [state for state, _ in pending_flips(desk)] == ["superseded", "applied"]
    assert (desk.phase, desk.gates) == (Phase.ARMED, ENABLED)


def test_resetting_a_kill_that_never_reached_the_store_raises_nobodys_exposure(
    desk_of: Opener,
) -> None:
    desk = desk_of(gates=TENTH)
    with desk.store_locked():
        desk.trip()
        assert desk.phase is Phase.KILL_FAILED
        desk.ask("reset", "false alarm")
    desk.wait().engine.apply_pending()
    assert desk.phase is Phase.ARMED
    assert desk.gates == TENTH, "ten percent before, so ten percent after"


def test_a_reset_replays_the_gates_of_its_own_trip_and_not_of_an_older_one(
    desk_of: Opener,
) -> None:
    desk = desk_of(gates=TENTH)
    desk.trip().proof().ask("reset")
    half = Gates.of(("percentage_of_actors", "50"))
    desk.store.replace_gates(FLAG, half)
    with desk.store_locked("IMMEDIATE"):
        desk.trip()
        desk.ask("reset", "false alarm")
    desk.wait().engine.apply_pending()
    assert desk.gates == half


def test_an_operators_flip_over_a_pending_kill_wins_and_the_guard_does_not_wait_for_ever(
    desk: Desk,
) -> None:
    desk.wait().engine.poll_flags()
    with desk.store_locked("IMMEDIATE"):
        desk.trip()
        assert desk.phase is Phase.KILL_FAILED
        desk.engine.flip(FLAG, True, "ann", "leave it on")
    desk.wait().engine.apply_pending()
    assert [state for state, _ in pending_flips(desk)] == ["superseded", "applied"]
    assert (desk.phase, desk.gates) == (Phase.HUMAN_ON, ENABLED)
    assert desk.rows(INCIDENTS)[0]["closed_at"] is not None


def test_a_kill_decided_while_an_operators_flip_was_being_written_still_wins(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.wait().engine.poll_flags()
    desk.fails().control().fails()
    real = desk.engine._outbox._applied

    def late(decision: object, order: Flip, *rest: object) -> None:
        if order.by == "ann":
            desk.engine.take_run(desk.run_now())  # the other thread commits its kill just now
        real(decision, order, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.engine._outbox, "_applied", late)
    desk.wait().engine.flip(FLAG, True, "ann", "why")
    desk.wait().engine.apply_pending()
    assert (desk.phase, desk.gates) == (Phase.KILLED_UNVERIFIED, Gates())
    assert [row["by"] for row in desk.rows(FLIPS)] == ["ann", "guard"]


def test_another_writer_between_write_and_read_back_is_found_and_overwritten(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = desk.store.replace_gates
    intrusions = iter([True])

    def replace_and_lose(flag: str, wanted: Gates, expected: Gates | None = None) -> Gates:
        before = real(flag, wanted, expected)
        if next(intrusions, False):
            real(flag, TENTH)
        return before

    monkeypatch.setattr(desk.store, "replace_gates", replace_and_lose)
    desk.trip()
    assert desk.phase is Phase.KILL_FAILED
    assert "reads back different" in desk.rows(DECISIONS)[-1]["error"]
    desk.wait().engine.apply_pending()
    assert (desk.phase, desk.gates) == (Phase.KILLED_UNVERIFIED, Gates())


def test_a_kill_of_a_flag_that_is_gone_stays_pending_and_creates_none(desk: Desk) -> None:
    desk.store.delete(FLAG)
    desk.trip()
    assert desk.phase is Phase.KILL_FAILED
    assert desk.store.flags() == ()
    assert pending_flips(desk) == [("pending", 1)]


def test_two_threads_that_apply_at_once_write_each_flip_once(desk: Desk) -> None:
    desk.fails().control().fails()
    desk.engine.take_run(desk.run_now())
    threads = [threading.Thread(target=desk.engine.apply_pending) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert desk.flips == [("on", "off", "guard")]
    assert [order.probe for order in desk.dispatched].count("proof") == 1


def test_a_kill_tried_again_wakes_whoever_applies(desk: Desk) -> None:
    desk.engine.wake.clear()
    desk.engine.take_run(desk.run_now())
    assert desk.engine.wake.is_set()


def test_the_state_shown_is_the_last_one_committed_whichever_thread_settles_last(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = desk.run_now(id="first"), desk.run_now(id="second")
    committed, go_on = threading.Event(), threading.Event()
    real = desk.metrics.probes.came_in

    def slow(run: Run, instance: str) -> None:
        if run.id == "first":  # between its commit and its showing, the other overtakes it
            committed.set()
            assert go_on.wait(DEADLINE_S)
        real(run, instance)

    monkeypatch.setattr(desk.metrics.probes, "came_in", slow)
    overtaken = threading.Thread(target=desk.engine.take_run, args=(first,))
    overtaken.start()
    assert committed.wait(DEADLINE_S)
    desk.wait().engine.take_run(second)
    go_on.set()
    overtaken.join(DEADLINE_S)
    assert desk.engine.state(GUARD) == desk.saved()


def test_a_proof_whose_turn_failed_is_asked_for_anew(desk: Desk) -> None:
    desk.trip()
    lost = desk.run_now(Outcome.PASSED, probe="proof", purpose=Purpose.PROOF, exposed=False)
    with desk.journal_locked(), pytest.raises(JournalError, match="database is locked"):
        desk.engine.take_run(lost)
    desk.wait(30).engine.chase_proofs()
    desk.engine.apply_pending()
    assert [order.probe for order in desk.dispatched].count("proof") == 1, "it may yet come"

    desk.wait(120).engine.chase_proofs()
    desk.engine.chase_proofs()
    desk.engine.apply_pending()
    assert [order.probe for order in desk.dispatched].count("proof") == 2
    assert desk.proof().phase is Phase.KILLED
    desk.wait(600).engine.chase_proofs()
    desk.engine.apply_pending()
    assert [order.probe for order in desk.dispatched].count("proof") == 2


def test_a_reload_never_shows_a_guard_without_a_state(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Turn.guard_state

    def look(turn: Turn, guard: str) -> GuardState:
        desk.engine.phases()  # as the metrics' or the web's thread would, just now
        return real(turn, guard)

    monkeypatch.setattr(Turn, "guard_state", look)
    desk.engine.reload(desk.config)


def test_what_is_judged_while_a_reload_reads_is_not_undone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = States._read

    def then_a_run_fails(states: States, config: Config) -> dict[str, GuardState]:
        loaded = read(states, config)
        desk.fails()
        return loaded

    with monkeypatch.context() as patch:
        patch.setattr(States, "_read", then_a_run_fails)
        desk.engine.reload(desk.config)
    assert desk.phase is Phase.SUSPECT
    assert desk.engine.state(GUARD) == desk.saved()


def test_a_write_decided_after_the_look_was_first_though_it_wrote_the_very_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, switch, seen = desk.engine, desk.engine._switch, desk.gates
    look, wanted = switch.flag, switch.aim(FLAG, False, seen)

    def then_another_writes(name: str) -> Flag:
        found = look(name)
        monkeypatch.undo()
        engine.put(FLAG, wanted, seen, "bob", "x")
        return found

    monkeypatch.setattr(switch, "flag", then_another_writes)
    with pytest.raises(FlagChanged):
        engine.put(FLAG, wanted, seen, "ann", "x", exact=True)
    assert [row["by"] for row in desk.rows(FLIPS)] == ["bob"]


def test_a_clock_that_is_set_back_does_not_put_a_kill_off(desk: Desk) -> None:
    desk.fails().control().fails()
    last = desk.run_now()
    desk.now -= timedelta(hours=1)
    desk.engine.take_run(last)
    desk.engine.apply_pending()
    assert desk.gates == Gates()


def test_an_engine_needs_no_guard(desk: Desk) -> None:
    assert isinstance(desk.journal, Journal)
    bare = desk.config.model_copy(update={"guards": {}})
    engine = Engine(bare, desk.journal, desk.engine._switch, desk.metrics, desk.dispatched.append)
    engine.start()
    engine.take_run(desk.run_now())
    engine.poll_flags()
    assert engine.phases() == {}
    with pytest.raises(KeyError):
        engine.ask(GUARD, OperatorAsked("trip", "ann", "why"))
