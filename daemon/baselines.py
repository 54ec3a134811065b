"""Accessibility violations that somebody accepted: only others are new."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select

from daemon.audit import Signed
from daemon.tables import BASELINES, RUNS
from daemon.turn import Turn
from probes.model import Run, Violation

#: Runs of a probe that are looked through for one whose page axe has looked at.
LATELY = 100


def accepted(turn: Turn, probes: Sequence[str]) -> dict[str, frozenset[tuple[str, str]]]:
    """Return the accepted violations of each probe that has a baseline: (rule, target)."""
    rows = turn.db.execute(select(BASELINES).where(BASELINES.c.probe.in_(probes))).all()
    return {row.probe: frozenset(map(tuple, json.loads(row.doc))) for row in rows}


def accept(turn: Turn, probe: str, signed: Signed, now: datetime) -> int:
    """Make what axe last found on the probe's page its baseline, in the place of the one before.

    Signed as a part of the turn; returns how many violations were found.

    Raises:
        LookupError: axe has not looked at this probe's page lately.
    """
    found = _newest(turn, probe)
    if found is None:
        raise LookupError(
            f"axe has not looked at {probe} lately: set accessibility: true and run it once"
        )
    known = {(v.rule, v.target) for v in found}
    before = accepted(turn, [probe]).get(probe, frozenset())
    turn.db.execute(delete(BASELINES).where(BASELINES.c.probe == probe))
    values = {"at": now, "by": signed.by, "reason": signed.reason, "doc": json.dumps(sorted(known))}
    turn.db.execute(insert(BASELINES).values(probe=probe, **values))
    subject = f"probe {probe}"
    turn.sign(signed, "baseline", subject, now, before=_said(before), after=_said(known))
    return len(found)


def _newest(turn: Turn, probe: str) -> tuple[Violation, ...] | None:
    """Return what axe last found on the probe's page; None where it has not looked lately."""
    docs = turn.db.scalars(
        select(RUNS.c.doc)
        .where(RUNS.c.probe == probe)
        .order_by(RUNS.c.started_at.desc())
        .limit(LATELY)
    )
    looked = (Run.from_json(doc).violations for doc in docs)
    return next((found for found in looked if found is not None), None)


def _said(known: Collection[object]) -> str:
    return f"{len(known)} accepted"
