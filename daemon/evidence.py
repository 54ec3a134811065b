"""The runs that a guard could have seen by some time, out of the journal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select, true

from config.schema import GuardSpec
from daemon.rules import lookback
from daemon.tables import RUNS
from probes.model import Outcome, Purpose, Run

#: Newest runs of any kind that are read for each probe, beside those that judge.
ANY_KIND = 60
#: Newest runs of a probe among which its locations are looked for.
LATELY = 2_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def runs_by(
    db: Connection,
    spec: GuardSpec,
    at: datetime,
    counts_since: datetime | None,
    *,
    past: bool = False,
) -> tuple[Run, ...]:
    """Return what a guard's explanation needs: its newest runs, in the past those ended by `at`.

    Of those that judge, as many of each probe and location as the rules look at, none that started
    before `counts_since`; of all others, controls and proofs too, the newest few. What is in the
    journal now has come in, whatever a worker's clock says.
    """
    found: dict[str, Run] = {}
    until = RUNS.c.started_at <= at if past else true()
    for probe in dict.fromkeys((*spec.probes, spec.control, spec.proof)):
        started = select(RUNS.c.doc).where(RUNS.c.probe == probe, until)
        _read(db, started.limit(ANY_KIND), found)
    judging = select(RUNS.c.doc).where(
        until,
        RUNS.c.started_at >= (counts_since or _EPOCH),
        RUNS.c.outcome.in_([each.value for each in Outcome if each.judges]),
        RUNS.c.purpose.in_([each.value for each in Purpose if each.counts]),
    )
    for probe, location in _places(db, spec, at, until):
        there = judging.where(RUNS.c.probe == probe, RUNS.c.location == location)
        _read(db, there.limit(lookback(spec)), found)
    ended = (run for run in found.values() if not past or _ended(run) <= at)
    return tuple(sorted(ended, key=lambda run: (run.started_at, run.id)))


def _places(
    db: Connection, spec: GuardSpec, at: datetime, until: ColumnElement[bool]
) -> Sequence[tuple[str, str]]:
    """Probes and locations that are not silent."""
    since = at - timedelta(seconds=2 * spec.silent_after_s)
    places: dict[tuple[str, str], None] = {}
    for probe in spec.probes:
        # Newest first and only so many: to find places distinct, SQLite would walk by their index
        # through the probe's whole history.
        newest = (
            select(RUNS.c.location)
            .where(RUNS.c.probe == probe, RUNS.c.started_at >= since, until)
            .order_by(RUNS.c.started_at.desc())
            .limit(LATELY)
            .subquery()
        )
        found = db.scalars(select(newest.c.location).distinct().order_by(newest.c.location))
        places.update(((probe, location), None) for location in found)
    return tuple(places)


def _read(db: Connection, query: Select[Any], found: dict[str, Run]) -> None:
    for doc in db.scalars(query.order_by(RUNS.c.started_at.desc())):
        run = Run.from_json(doc)
        found[run.id] = run


def _ended(run: Run) -> datetime:
    return run.started_at + timedelta(seconds=run.duration_s)
