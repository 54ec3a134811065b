"""The runs beside a run: the one before, the one after, and the other half of its pair."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Select, and_, or_, select

from daemon.history import RunMark
from daemon.history.runs import MARK, in_doc, mark_of
from daemon.journal import Journal
from daemon.tables import RUNS
from probes.model import Run

#: The two of a pair are walked one after the other in one worker; a run lasts minutes at most.
NEAR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """`older` and `newer`: of the same probe, in time. `partner`: shares the run's `pair`."""

    older: RunMark | None
    newer: RunMark | None
    partner: RunMark | None
    partner_probe: str | None


def neighbours(journal: Journal, run: Run, partners: Iterable[str]) -> Neighbours:
    """Find the runs beside a run; its partner only among the runs of the probes `partners`."""
    row = RUNS.c
    before = and_(row.started_at == run.started_at, row.id < run.id)
    after = and_(row.started_at == run.started_at, row.id > run.id)
    older = or_(row.started_at < run.started_at, before)
    newer = or_(row.started_at > run.started_at, after)
    same = _marks().where(row.probe == run.probe)
    with journal.reading() as db:
        down = same.where(row.started_at <= run.started_at, older)
        up = same.where(row.started_at >= run.started_at, newer)
        found = _partner(db, run, tuple(partners)) if run.pair else None
        return Neighbours(
            older=_first(db, down.order_by(row.started_at.desc(), row.id.desc())),
            newer=_first(db, up.order_by(row.started_at, row.id)),
            partner=None if found is None else mark_of(found),
            partner_probe=None if found is None else found.probe,
        )


def _partner(db: Connection, run: Run, probes: tuple[str, ...]) -> Any:
    row = RUNS.c
    query = (
        _marks()
        .add_columns(row.probe)
        .where(
            row.probe.in_(probes),
            row.started_at.between(run.started_at - NEAR, run.started_at + NEAR),
            row.id != run.id,
            in_doc("pair") == run.pair,
        )
    )
    return db.execute(query.limit(1)).first()


def _marks() -> Select[Any]:
    return select(*MARK)


def _first(db: Connection, query: Select[Any]) -> RunMark | None:
    found = db.execute(query.limit(1)).first()
    return None if found is None else mark_of(found)
