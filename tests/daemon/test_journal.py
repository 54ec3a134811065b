"""The journal: one transaction a turn, one daemon a file, and errors that say what to do."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from daemon.guard import GuardState
from daemon.guard.messages import FlagSeen, Flip, Note, OpenIncident, RunProbe
from daemon.guard.state import Incident
from daemon.journal import Journal, JournalError
from daemon.tables import DECISIONS, EVIDENCE, FLIPS, INCIDENTS, RUNS, TIMELINE, metadata
from daemon.turn import Turn
from probes.model import Outcome, Purpose
from tests.daemon.build import FLAG, T0, at, run

DEADLINE_S = 30


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


def count(journal: Journal, table: str) -> int:
    with journal.engine.begin() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608


def save(turn: Turn, state: GuardState) -> None:
    turn.save_guard("shield", state, FlagSeen(True, T0), T0)


def test_the_migrations_make_exactly_the_tables_that_the_code_knows(journal: Journal) -> None:
    with journal.engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_opening_a_journal_again_keeps_what_is_in_it(tmp_path: Path) -> None:
    for kept in range(2):
        journal = Journal(tmp_path / "deep" / "journal.sqlite")
        assert count(journal, "runs") == kept
        with journal.turn() as turn:
            turn.add_run(run())
        journal.close()


def test_a_turn_that_raises_leaves_nothing_behind(journal: Journal) -> None:
    incident = Incident("i-1", "widget", T0)
    decisions = (
        OpenIncident(incident, 1, "why"),
        Note("a line"),
        Flip(FLAG, False, "guard", "why"),
        RunProbe("widget", Purpose.CONFIRM),
    )

    def conclude_and_break() -> None:
        with journal.turn() as turn:
            turn.add_run(run())
            save(turn, GuardState.new())
            state = replace(GuardState.new(), incident=incident)
            turn.add_decisions("shield", state, decisions, T0)
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        conclude_and_break()
    for table in (RUNS, EVIDENCE, DECISIONS, INCIDENTS, TIMELINE):
        assert count(journal, table.name) == 0


def test_a_database_error_within_a_turn_is_the_journals_own_and_rolls_it_back(
    journal: Journal,
) -> None:
    opened = OpenIncident(Incident("same", "site", T0), 1, "why")

    def open_twice() -> None:
        with journal.turn() as turn:
            turn.add_run(run())
            turn.add_decisions("shield", GuardState.new(), (opened, opened), T0)

    with pytest.raises(JournalError, match="nothing of this turn was kept"):
        open_twice()
    assert count(journal, "runs") == 0


def test_eight_threads_that_read_change_and_write_lose_nothing(journal: Journal) -> None:
    each = 12
    failures: list[BaseException] = []

    def add() -> None:
        try:
            for _ in range(each):
                with journal.turn() as turn:
                    state = turn.guard_state("shield")
                    save(turn, replace(state, invalid_streak=state.invalid_streak + 1))
        except BaseException as cause:
            failures.append(cause)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    with journal.turn() as turn:
        assert turn.guard_state("shield").invalid_streak == 8 * each
    assert failures == []
    assert len(journal.told("shield")) == 8 * each


def test_a_reader_is_not_kept_waiting_by_an_open_turn(journal: Journal) -> None:
    read = threading.Event()
    with journal.turn() as turn:
        turn.add_order("shield", Flip(FLAG, False, "guard", "why"), T0)
        thread = threading.Thread(target=lambda: (journal.pending(T0), read.set()))
        thread.start()
        assert read.wait(DEADLINE_S)
    thread.join(DEADLINE_S)


def test_every_connection_writes_ahead_and_survives_a_power_cut(journal: Journal) -> None:
    with journal.turn() as turn:
        found = {
            name: turn._db.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_file_that_is_not_sqlite_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    content = b"minutes of the last meeting\n" * 100
    path.write_bytes(content)
    with pytest.raises(JournalError) as caught:
        Journal(path)
    assert str(caught.value) == (
        f"cannot use {path} as the journal: file is not a database. Give journal.path a new name, "
        "or restore the file from a backup; it was left as it is"
    )
    assert path.read_bytes() == content
    path.unlink()
    Journal(path).close()  # and its lock was let go


def test_a_journal_of_a_newer_tripflag_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    with sqlite3.connect(path) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(JournalError, match="A newer Tripflag wrote it"):
        Journal(path)
    with sqlite3.connect(path) as newer:
        assert newer.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


def test_somebody_elses_database_is_refused_and_gets_no_tables(tmp_path: Path) -> None:
    path = tmp_path / "shop.sqlite"
    with sqlite3.connect(path) as shop:
        shop.execute("CREATE TABLE incidents (id INTEGER)")
    with pytest.raises(JournalError, match="table incidents already exists"):
        Journal(path)
    with sqlite3.connect(path) as shop:
        names = shop.execute("SELECT name FROM sqlite_master").fetchall()
    assert names == [("incidents",)]


def test_a_folder_that_cannot_be_written_is_named_with_the_remedy() -> None:
    """Run as nobody where the tests run as root, to whom no folder is closed."""
    folder = Path(tempfile.mkdtemp(prefix="tripflag-"))
    folder.chmod(0o555)
    path = folder / "journal.sqlite"
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)
        with pytest.raises(JournalError) as caught:
            Journal(path)
    finally:
        if root:
            os.seteuid(0)
        shutil.rmtree(folder)
    assert str(caught.value) == (
        f"cannot open the journal {path}: Permission denied. Make its folder writable for this "
        "user, or set journal.path elsewhere"
    )


def test_a_second_daemon_on_the_same_journal_is_refused(journal: Journal) -> None:
    with pytest.raises(JournalError) as caught:
        Journal(journal.path)
    assert str(caught.value) == (
        f"another daemon uses the journal {journal.path}: stop it, or set another journal.path"
    )


def test_a_second_daemon_in_another_process_is_refused_and_gets_in_after_the_first(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.sqlite"
    program = (
        "import pathlib, sys\n"
        "from daemon.journal import Journal\n"
        "journal = Journal(pathlib.Path(sys.argv[1]))\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "open\n"
        with pytest.raises(JournalError, match="another daemon"):
            Journal(path)
    finally:
        first.kill()
        first.communicate(timeout=DEADLINE_S)
    Journal(path).close()


def test_decisions_come_oldest_first_and_only_when_they_are_due(journal: Journal) -> None:
    with journal.turn() as turn:
        late = RunProbe("widget", Purpose.CONFIRM, not_before=at(60))
        turn.add_order("shield", late, T0)
        first = turn.add_order("shield", Flip(FLAG, False, "guard", "why"), T0)
        second = turn.add_order(None, Flip(FLAG, True, "ann", "why"), T0)
    due, later = journal.pending(T0)
    assert [decision.id for decision in due] == [first, second]
    assert [decision.guard for decision in due] == ["shield", None]
    assert later == at(60)
    assert len(journal.pending(at(60))[0]) == 3
    with journal.turn() as turn:
        turn.finish(first, "applied", T0)
        turn.postpone(second, at(5), "no store")
    due, later = journal.pending(at(5))
    assert [(decision.id, decision.attempts) for decision in due] == [(second, 1)]


def test_orders_survive_the_journal_unchanged(journal: Journal) -> None:
    orders = (
        RunProbe("widget", Purpose.CONFIRM, trace=True, not_before=T0),
        RunProbe("proof", Purpose.PROOF),
        Flip(FLAG, True, "ann", "naïve “reason”", restore=True),
    )
    with journal.turn() as turn:
        for order in orders:
            turn.add_order("shield", order, T0)
    assert tuple(decision.order for decision in journal.pending(at(1))[0]) == orders


def test_only_runs_that_judge_come_back_newest_first_for_each_probe_and_location(
    journal: Journal,
) -> None:
    kept = [run(Outcome.FAILED, n, id=f"east-{n}", location="east") for n in range(4)]
    west = run(Outcome.PASSED, 0, id="west-0", location="west")
    left_out = [
        run(Outcome.ERROR, 5, location="east"),
        run(Outcome.SKIPPED, 6, location="east"),
        run(Outcome.FAILED, 7, purpose=Purpose.CONTROL),
        run(Outcome.FAILED, 8, probe="other"),
    ]
    with journal.turn() as turn:
        for one in (*kept, west, *left_out):
            turn.add_run(one)
        assert turn.add_run(west) is False
        recent = turn.recent_runs(["widget"], T0, limit=3)
        since = turn.recent_runs(["widget"], at(2), limit=3)
    assert [one.id for one in recent] == ["east-3", "east-2", "east-1"]
    assert [one.id for one in since] == ["east-3", "east-2"]
    with journal.turn() as turn:
        both = turn.recent_runs(["widget"], T0, limit=5)
    assert {one.id for one in both} == {"east-0", "east-1", "east-2", "east-3", "west-0"}


def test_pruning_takes_old_runs_and_keeps_what_is_owed_and_what_was_done(
    journal: Journal,
) -> None:
    incident = Incident("i-1", "widget", T0)
    with journal.turn() as turn:
        turn.add_run(run(at_s=0, id="old"))
        turn.add_run(run(at_s=100, id="new"))
        save(turn, GuardState.new())
        opened = OpenIncident(incident, 1, "why")
        turn.add_decisions("shield", GuardState.new(), (opened, Note("a line")), T0)
        done = turn.add_order("shield", RunProbe("widget", Purpose.CONFIRM), T0)
        owed_run = turn.add_order("shield", RunProbe("proof", Purpose.PROOF), T0)
        owed_flip = turn.add_order("shield", Flip(FLAG, False, "guard", "why"), T0)
        flip = turn.add_order("shield", Flip(FLAG, False, "guard", "why"), T0)
        turn.finish(done, "applied", T0)
        turn.finish(flip, "applied", T0)
        turn.add_flip(
            {
                "decision_id": flip,
                "guard": "shield",
                "flag": FLAG,
                "before": "on",
                "after": "off",
                "reason": "why",
                "by": "guard",
                "decided_at": T0,
                "applied_at": T0,
                "snapshot": "{}",
            }
        )
    assert journal.prune(at(50)) == 1
    with journal.engine.begin() as connection:
        runs = connection.execute(text("SELECT id FROM runs")).scalars().all()
        decisions = connection.execute(text("SELECT id FROM decisions ORDER BY id")).scalars().all()
    assert runs == ["new"]
    assert decisions == [owed_run, owed_flip, flip]
    for table in (FLIPS, INCIDENTS):
        assert count(journal, table.name) == 1
    assert count(journal, "timeline") == 2
    with journal.turn() as turn:
        assert turn.guard_state("shield") == GuardState.new()


def test_the_size_counts_the_log_beside_the_file(journal: Journal) -> None:
    before = journal.size_bytes()
    with journal.turn() as turn:
        turn.add_run(run(reason="x" * 200_000))
    assert journal.size_bytes() - before >= 200_000


def test_times_come_back_aware_and_in_utc(journal: Journal) -> None:
    with journal.turn() as turn:
        save(turn, GuardState.new())
    ((told_at, evidence),) = journal.told("shield")
    assert (told_at, evidence) == (T0, FlagSeen(True, T0))
    assert told_at.utcoffset() is not None
    assert re.search(r"\+00:00$", told_at.isoformat())


def test_others_write_between_the_parts_of_a_long_pruning(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill that waits for the lock of a great deletion is late, and then lost."""
    with journal.turn() as turn:
        for number in range(5):
            turn.add_run(run(id=f"old-{number}"))
            save(turn, GuardState.new())
    came: list[str] = []

    def another_writes(_s: float) -> None:
        came.append(f"new-{len(came)}")
        with journal.turn() as turn:
            turn.add_run(run(Outcome.PASSED, 60, id=came[-1]))

    monkeypatch.setattr("daemon.journal.PRUNED_AT_ONCE", 2)
    monkeypatch.setattr("daemon.journal.sleep", another_writes)
    assert journal.prune(at(30)) == 5
    assert (count(journal, "runs"), count(journal, "evidence")) == (len(came), 0)
    assert len(came) == 4, "after each full part of runs, and of evidence"


def test_a_turn_never_waits_for_those_who_read(journal: Journal) -> None:
    """The web has 16 threads, and its answers' readers may be slow; a kill waits for none."""
    with ExitStack() as reads:
        for _ in range(40):
            reads.enter_context(journal.reading()).execute(text("SELECT 1"))
        done = threading.Event()

        def turn() -> None:
            with journal.turn() as opened:
                opened.add_run(run())
            done.set()

        threading.Thread(target=turn, daemon=True).start()
        assert done.wait(10)
    assert count(journal, "runs") == 1
