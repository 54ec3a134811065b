"""The audit's chain: every write is a row, and a row that was touched is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update

from daemon.audit import AuditEntry, Broken, first_broken
from daemon.history import audit
from daemon.tables import AUDIT, TIMELINE
from flags.model import FlagChanged, Gates
from flags.stores.base import DISABLED, ENABLED
from probes.model import Exposure, Outcome, Purpose
from tests.daemon.build import FLAG, T0
from tests.daemon.desk import Desk

TENTH = Gates.of(("percentage_of_actors", "10"))


def entries(desk: Desk) -> list[AuditEntry]:
    return list(audit(desk.journal))


def test_a_kill_is_one_row_with_everything_that_an_auditor_asks(desk: Desk) -> None:
    desk.trip()
    (row,) = entries(desk)
    assert (row.id, row.actor, row.action, row.flag) == (1, "guard", "flip", FLAG)
    assert (Gates.from_json(row.before), Gates.from_json(row.after)) == (ENABLED, DISABLED)
    assert "failed runs in a row" in row.reason
    assert row.request_id.startswith("decision:")
    assert first_broken([row]) is None


def test_a_write_past_us_is_adopted_with_what_it_changed(desk: Desk) -> None:
    desk.engine.poll_flags()
    desk.store.replace_gates(FLAG, TENTH)
    desk.wait().engine.poll_flags()
    desk.wait().engine.poll_flags()
    (row,) = entries(desk)
    assert (row.actor, row.action) == ("unknown", "adopted")
    assert (Gates.from_json(row.before), Gates.from_json(row.after)) == (ENABLED, TENTH)
    assert "boolean true -> percentage_of_actors 10" in str(desk.rows(TIMELINE)[-1]["text"])


def test_our_own_write_is_no_drift(desk: Desk) -> None:
    desk.engine.poll_flags()
    desk.trip()
    desk.wait().engine.poll_flags()
    assert [row.action for row in entries(desk)] == ["flip"]


def test_an_operators_write_after_somebody_elses_is_refused_and_writes_nothing(desk: Desk) -> None:
    desk.store.replace_gates(FLAG, TENTH)
    with pytest.raises(FlagChanged, match="changed by someone else"):
        desk.engine.put(FLAG, DISABLED, ENABLED, "ann", "because")
    assert desk.gates == TENTH
    assert entries(desk) == []


def test_somebody_who_is_first_between_snapshot_and_write_is_adopted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = desk.store.replace_gates

    def be_first(flag: str, wanted: Gates, expected: Gates | None = None) -> Gates:
        monkeypatch.undo()
        real(flag, TENTH)
        return real(flag, wanted, expected)

    monkeypatch.setattr(desk.store, "replace_gates", be_first)
    desk.trip()
    assert desk.gates == TENTH
    assert desk.phase == "human_on"
    assert desk.flips == []


def test_every_rung_of_the_ladder_is_measured(desk: Desk) -> None:
    desk.trip()
    told = Exposure(FLAG, value=False, rendered=False, seen_at=desk.now)
    desk.take(Outcome.PASSED, probe="proof", purpose=Purpose.PROOF, exposure=told)
    for rung in ("store", "toggle_api", "browser"):
        labels = {"guard": "shield", "rung": rung}
        count = desk.metrics.registry.get_sample_value("tripflag_kill_rung_seconds_count", labels)
        assert count == 1, rung


def test_a_row_that_was_touched_or_taken_out_is_named(desk: Desk) -> None:
    desk.trip().proof().ask("reset").ask("trip").ask("reset")
    whole = entries(desk)
    assert [each.action for each in whole] == [
        "flip",
        "reset",
        "flip",
        "trip",
        "flip",
        "reset",
        "flip",
    ]
    assert first_broken(whole) is None
    with desk.journal.engine.execution_options(writes=True).begin() as db:
        db.execute(update(AUDIT).where(AUDIT.c.id == 2).values(actor="nobody"))
    assert first_broken(entries(desk)) == Broken(2, "its content is not what was written")
    with desk.journal.engine.execution_options(writes=True).begin() as db:
        db.execute(delete(AUDIT).where(AUDIT.c.id == 2))
    assert first_broken(entries(desk)) == Broken(3, "row 2 is missing before it")


def chain(length: int) -> list[AuditEntry]:
    made: list[AuditEntry] = []
    for number in range(1, length + 1):
        at = T0 + timedelta(seconds=number)
        bare = AuditEntry(number, at, "ann", "flip", FLAG, "[]", "[]", "because", "r")
        made.append(bare.sealed(made[-1].hash if made else "0" * 64))
    return made


@given(
    st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))),
    st.sampled_from(["actor", "action", "flag", "before", "after", "reason", "request_id", "prev"]),
)
def test_whatever_is_changed_in_a_row_breaks_the_chain_there(
    place: tuple[int, int], field: str
) -> None:
    length, at = place
    rows = chain(length)
    rows[at] = replace(rows[at], **{field: "changed"})
    broken = first_broken(rows)
    assert broken is not None
    assert broken.id == at + 1


def test_an_exported_line_is_the_row_again() -> None:
    (row,) = chain(1)
    assert AuditEntry.of(row.document()) == row
    with pytest.raises(ValueError, match="not a row of the audit"):
        AuditEntry.of({"id": 1})
