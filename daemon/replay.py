"""A guard at any past time: what it was told, folded anew, and explained.

The limits are those of today's configuration: the journal keeps what was told, not what it was
judged by.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from sqlalchemy import Connection, func, or_, select

from config.schema import GuardSpec
from daemon.evidence import runs_by
from daemon.explain import Explanation, explain
from daemon.explain.wording import clock
from daemon.guard import GuardRefuses, GuardState, Phase, advance, phase
from daemon.guard.state import SEEN
from daemon.journal import Journal, JournalError
from daemon.tables import BASELINES, DRILLS, EVIDENCE, GUARDS, INCIDENTS, TIMELINE
from daemon.turn import EVIDENCE_JSON, STATE_JSON

#: Rows read at a time; a guard may have been told hundreds of thousands of things.
BATCH = 1000
#: A line may be noted a little before the evidence that it goes with.
SLACK = timedelta(minutes=1)


class NotKept(JournalError):
    """What a guard was told by then is no longer in the journal."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A guard's state as folded anew. `since`: when its phase was reached; None: at its start."""

    state: GuardState
    since: datetime | None
    caveats: tuple[str, ...] = ()


def explain_now(journal: Journal, spec: GuardSpec, now: datetime) -> Explanation:
    """Explain a guard's last committed state."""
    with journal.reading() as db:
        doc = db.scalar(select(GUARDS.c.doc).where(GUARDS.c.guard == spec.name))
        state = GuardState.new() if doc is None else STATE_JSON.validate_json(doc)
        rebuilt = Rebuilt(state, _noted(db, spec, phase(spec, state, now), now))
        return _explained(db, spec, rebuilt, now, past=False)


def explain_then(journal: Journal, spec: GuardSpec, at: datetime) -> Explanation:
    """Explain what a guard was at a past time.

    Raises:
        NotKept: what it was told by then was pruned.
    """
    with journal.reading() as db:
        return _explained(db, spec, _rebuilt(db, spec, at), at, past=True)


def rebuild(journal: Journal, spec: GuardSpec, at: datetime) -> Rebuilt:
    """Fold what a guard was told up to a time.

    Raises:
        NotKept: as `explain_then` does.
    """
    with journal.reading() as db:
        return _rebuilt(db, spec, at)


def _rebuilt(db: Connection, spec: GuardSpec, at: datetime) -> Rebuilt:
    first: datetime | None = db.scalar(
        select(func.min(EVIDENCE.c.at)).where(EVIDENCE.c.guard == spec.name)
    )
    since = "nothing" if first is None else f"only what came since {clock(first)} UTC"
    pruned = _pruned(db, spec, first)
    if pruned and (first is None or at < first):
        raise NotKept(
            f"what {spec.name} was told by then is kept no longer, {since}: ask for a later time, "
            "and raise journal.runs_keep_days to keep more"
        )
    rebuilt = _fold(db, spec, at)
    caveats = list(rebuilt.caveats)
    if pruned:
        caveats.append(f"older evidence, if there was any, was pruned: {since} is folded here")
    caveats += _contradictions(db, spec, rebuilt.state, at)
    return replace(rebuilt, caveats=tuple(caveats))


def _pruned(db: Connection, spec: GuardSpec, first: datetime | None) -> bool:
    """Say whether evidence may be gone. Timelines outlive it, and ids begin at 1."""
    noted: datetime | None = db.scalar(
        select(func.min(TIMELINE.c.at)).where(TIMELINE.c.guard == spec.name)
    )
    if noted is not None and (first is None or noted < first - SLACK):
        return True
    return (db.scalar(select(func.min(EVIDENCE.c.id))) or 1) > 1


def _fold(db: Connection, spec: GuardSpec, at: datetime) -> Rebuilt:
    told = (
        select(EVIDENCE.c.at, EVIDENCE.c.doc)
        .where(EVIDENCE.c.guard == spec.name, EVIDENCE.c.at <= at)
        .order_by(EVIDENCE.c.id)
        .execution_options(yield_per=BATCH)
    )
    state, refused = GuardState.new(), 0
    label: Phase | None = None
    since: datetime | None = None
    kept_off = False
    #: Passes that the guard was told while at rest: only the newest of them leave a trace.
    put_off: deque[tuple[datetime, str]] = deque(maxlen=SEEN)
    for then, doc in chain(db.execute(told), [(at, None)]):
        kept_off, kept_off_before = _kept_off(spec, state, then), kept_off
        if doc and _at_rest(state) and _is_pass(doc) and kept_off is kept_off_before:
            put_off.append((then, doc))
            continue
        due = [*put_off, (then, doc)] if doc else [*put_off]
        put_off.clear()
        for when, evidence in due:
            try:
                state, _ = advance(spec, state, EVIDENCE_JSON.validate_json(evidence), when)
            except GuardRefuses:
                refused += 1  # it was taken then, so the limits were others
                continue
            before, label = label, phase(spec, state, when)
            since = since if label is before else when
    if label is not phase(spec, state, at):
        since = None  # the clock alone changed it since
    caveats = ["limits as they are now; those in force then may have been others"]
    if refused:
        caveats.append(f"{refused} operators' commands make no sense by today's limits")
    return Rebuilt(state, since, tuple(caveats))


def _at_rest(state: GuardState) -> bool:
    """Say whether one pass more or less is all the same to a guard."""
    busy = (state.suspicion, state.probation, state.failing, state.look_asked_at)
    return not any(busy) and state.invalid_streak == 0 and not state.silence_told


def _kept_off(spec: GuardSpec, state: GuardState, now: datetime) -> bool:
    """Say whether a person keeps the guard's hands off: it ends by the clock alone."""
    return state.held(now) or state.human_on(spec, now)


def _is_pass(doc: str) -> bool:
    """Say so without decoding: nearly all that a guard is ever told is this."""
    # Text of a target's cannot look so: its quotes are escaped in JSON.
    return '"judgement":"healthy"' in doc and '"run_outcome":"passed"' in doc


def _contradictions(
    db: Connection, spec: GuardSpec, state: GuardState, at: datetime
) -> Iterator[str]:
    """Compare with what is never pruned."""
    column = INCIDENTS.c
    on_record = db.scalar(
        select(column.id)
        .where(column.guard == spec.name, column.opened_at <= at)
        .where(or_(column.closed_at.is_(None), column.closed_at > at))
        .order_by(column.opened_at.desc())
    )
    folded = state.incident.id if state.incident else None
    if on_record != folded:
        yield (
            f"the record says that incident {on_record or 'none'} was open then, and folding says "
            f"{folded or 'none'}: trust the record, not the phase shown here"
        )


def _explained(
    db: Connection, spec: GuardSpec, rebuilt: Rebuilt, at: datetime, *, past: bool
) -> Explanation:
    caveats = list(rebuilt.caveats)
    baselines: dict[str, frozenset[tuple[str, str]]] = {}
    for row in db.execute(select(BASELINES).where(BASELINES.c.probe.in_(spec.probes))):
        if row.at <= at:
            baselines[row.probe] = frozenset(map(tuple, json.loads(row.doc)))
        else:
            caveats.append(f"the accessibility baseline of {row.probe} was replaced since")
    good = DRILLS.c.good & (DRILLS.c.guard == spec.name) & (DRILLS.c.started_at <= at)
    return explain(
        spec,
        rebuilt.state,
        runs_by(db, spec, at, rebuilt.state.counts_since, past=past),
        at,
        baselines=baselines,
        drilled_at=db.scalar(select(func.max(DRILLS.c.started_at)).where(good)),
        since=rebuilt.since,
        caveats=tuple(caveats),
    )


def _noted(db: Connection, spec: GuardSpec, label: Phase, now: datetime) -> datetime | None:
    """Say when a phase began of which the state itself does not tell."""
    line = TIMELINE.c
    query = select(func.max(line.at)).where(
        line.guard == spec.name,
        line.at <= now,
        line.by.is_(None),  # a person's note may begin like a guard's line
    )
    if label in (Phase.BLIND, Phase.LATCHED):
        query = query.where(line.text.startswith(f"PAGE: {label.name}:", autoescape=True))
    at: datetime | None = db.scalar(query)
    return at
