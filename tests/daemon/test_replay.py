"""A guard at any past time, out of the journal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from daemon.guard import GuardState, Phase
from daemon.guard.messages import OperatorAsked
from daemon.replay import NotKept, explain_now, explain_then, rebuild
from daemon.tables import EVIDENCE, INCIDENTS
from probes.model import Outcome
from tests.daemon.build import T0
from tests.daemon.desk import GUARD, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def history_of(desk: Desk) -> list[tuple[datetime, Phase, GuardState]]:
    """Live through a kill and a reset, and note what the guard was after each step."""
    kept = []
    steps = (
        lambda: desk.passes(2),
        lambda: desk.fails(),
        lambda: desk.control(),
        lambda: desk.take(Outcome.ERROR, reason="no browser"),
        lambda: desk.fails(3),
        lambda: desk.proof(),
        lambda: desk.ask("reset"),
        lambda: desk.passes(1),
    )
    for step in steps:
        desk.wait(5)
        step()
        kept.append((desk.now, desk.phase, desk.saved()))
    return kept


def test_every_past_state_is_rebuilt_as_it_was_saved_then(desk: Desk) -> None:
    spec = desk.config.guards[GUARD]
    kept = history_of(desk)
    assert {Phase.SUSPECT, Phase.KILLED_UNVERIFIED, Phase.KILLED, Phase.ARMED} <= {
        label for _, label, _ in kept
    }
    for at, label, state in kept:
        rebuilt = rebuild(desk.journal, spec, at)
        assert rebuilt.state == state
        assert len(rebuilt.caveats) == 1, "only that today's limits are used"
        told = explain_then(desk.journal, spec, at)
        assert (told.phase, told.at) == (label, at)
    at, label, _ = kept[-1]
    now = explain_now(desk.journal, spec, at)
    assert (now.phase, now.nexts) == (label, explain_then(desk.journal, spec, at).nexts)
    assert now.caveats == ()


def test_long_quiet_times_are_folded_as_exactly_as_others(desk: Desk) -> None:
    spec = desk.config.guards[GUARD]
    for quiet in (1, 140):
        desk.passes(quiet).take(Outcome.SKIPPED).passes(quiet)
        assert rebuild(desk.journal, spec, desk.now).state == desk.saved()
        desk.trip().proof().ask("reset").passes(1)
        assert rebuild(desk.journal, spec, desk.now).state == desk.saved()


def test_a_hold_that_ended_by_the_clock_ended_at_the_next_run(desk: Desk) -> None:
    spec = desk.config.guards[GUARD]
    until = desk.now + timedelta(seconds=10)
    desk.engine.ask(GUARD, OperatorAsked("hold", "ann", "because", until))
    desk.passes(20)
    assert explain_then(desk.journal, spec, until - timedelta(seconds=1)).phase is Phase.HELD
    told = explain_then(desk.journal, spec, desk.now)
    assert (told.phase, told.since) == (Phase.ARMED, until)


def test_a_past_time_knows_no_run_that_had_not_come_in(desk: Desk) -> None:
    spec = desk.config.guards[GUARD]
    (_, _, _), (suspect, _, _), *_ = history_of(desk)
    told = explain_then(desk.journal, spec, suspect)
    assert [run.outcome for run in told.runs] == ["failed", "passed", "passed"]
    assert (told.rules[0].observed, told.rules[0].limit) == (1, 1)
    before_it_ended = explain_then(desk.journal, spec, suspect - timedelta(seconds=0.6))
    assert [run.outcome for run in before_it_ended.runs] == ["passed", "passed"]
    assert before_it_ended.phase is Phase.ARMED


def test_before_a_guard_was_told_anything_it_is_new(desk: Desk) -> None:
    spec = desk.config.guards[GUARD]
    history_of(desk)
    told = explain_then(desk.journal, spec, T0 - timedelta(days=1))
    assert (told.phase, told.runs, told.rules) == (Phase.ARMED, (), ())
    assert told.nexts == ("a first run that judges: none has come in yet",)


def test_what_was_pruned_is_said_and_not_guessed(desk: Desk) -> None:
    spec = desk.config.guards[GUARD]
    kept = history_of(desk)
    killed = next(at for at, label, _ in kept if label is Phase.KILLED)
    desk.journal.prune(killed)
    with pytest.raises(NotKept, match="is kept no longer, only what came since"):
        explain_then(desk.journal, spec, kept[1][0])
    late = explain_then(desk.journal, spec, killed + timedelta(seconds=1))
    assert any("was pruned" in text for text in late.caveats)
    assert any("trust the record" in text for text in late.caveats), "its incident was open then"
    assert "CAVEAT: " in late.text()
    assert explain_now(desk.journal, spec, desk.now).caveats == ()


def test_a_guard_of_which_no_evidence_is_left_is_not_taken_for_a_new_one(desk: Desk) -> None:
    spec = desk.config.guards[GUARD]
    history_of(desk)
    with desk.journal.engine.begin() as db:
        db.execute(delete(EVIDENCE))
    with pytest.raises(NotKept, match="is kept no longer, nothing"):
        explain_then(desk.journal, spec, desk.now)


def test_a_record_that_folding_contradicts_is_trusted(desk: Desk) -> None:
    spec = desk.config.guards[GUARD]
    kept = history_of(desk)
    with desk.journal.engine.begin() as db:
        db.execute(update(INCIDENTS).values(id="another"))
    killed = next(at for at, label, _ in kept if label is Phase.KILLED)
    told = explain_then(desk.journal, spec, killed)
    assert any("incident another was open then" in text for text in told.caveats)


def test_a_quiet_phase_began_when_the_guard_last_noted_something(desk: Desk) -> None:
    spec = desk.config.guards[GUARD]
    kept = history_of(desk)
    reset = kept[6][0]
    assert explain_now(desk.journal, spec, desk.now).since == reset
    assert explain_then(desk.journal, spec, desk.now).since == reset
