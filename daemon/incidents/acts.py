"""What people do with an incident; each act is one transaction with its row in the audit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import insert, update

from config.schema import GuardSpec
from daemon import history
from daemon.audit import Signed
from daemon.guard import GuardState
from daemon.history import IncidentRecord
from daemon.journal import Journal
from daemon.tables import GUARDS, INCIDENTS, TIMELINE
from daemon.turn import STATE_JSON, Turn

#: Looks at the incident inside the transaction, and raises where it is not what the caller saw.
Seen = Callable[[IncidentRecord], None]


class UnknownIncident(Exception):
    """No incident has this id; the message holds the remedy."""


class IncidentRefuses(Exception):
    """An act that makes no sense on this incident; the message holds the remedy."""


def acknowledge(
    journal: Journal, incident: str, signed: Signed, now: datetime, seen: Seen | None = None
) -> IncidentRecord:
    """Stop the clock: a person has taken the incident. Says so in its timeline.

    Args:
        seen: as every act takes it; None: whatever the incident is by now.

    Raises:
        UnknownIncident: there is none.
        IncidentRefuses: somebody has it already, or it is over.
    """
    with journal.turn() as turn:
        told = _found(turn, incident, seen)
        if told.acknowledged_at is not None:
            raise IncidentRefuses(
                f"{told.acknowledged_by} acknowledged it at {_time(told.acknowledged_at)}: leave a "
                "note if you take it over"
            )
        if told.closed_at is not None:
            raise IncidentRefuses(
                f"it was resolved at {_time(told.closed_at)}, so nobody needs to take it: leave a "
                "note instead"
            )
        _change(turn, told, acknowledged_at=now, acknowledged_by=signed.by)
        _say(turn, told, signed.by, now, f"acknowledged: {signed.reason}")
        turn.sign(signed, "acknowledge", f"incident {told.id}", now)
        return _again(turn, told)


def note(
    journal: Journal, incident: str, signed: Signed, now: datetime, seen: Seen | None = None
) -> IncidentRecord:
    """Add a person's line (`signed.reason`) to an incident's timeline, also after its end.

    Raises:
        UnknownIncident: there is none.
    """
    with journal.turn() as turn:
        told = _found(turn, incident, seen)
        _say(turn, told, signed.by, now, signed.reason)
        turn.sign(signed, "note", f"incident {told.id}", now)
        return _again(turn, told)


def set_severity(
    journal: Journal,
    incident: str,
    severity: int,
    signed: Signed,
    now: datetime,
    seen: Seen | None = None,
) -> IncidentRecord:
    """Say how grave it is: 1 critical .. 4 low. Moves the acknowledgement's due time with it.

    Raises:
        UnknownIncident: there is none.
        IncidentRefuses: it has that severity already.
    """
    with journal.turn() as turn:
        told = _found(turn, incident, seen)
        if told.severity == severity:
            raise IncidentRefuses(f"its severity is {severity} already: nothing was changed")
        _change(turn, told, severity=severity)
        text = f"severity {told.severity} to {severity}: {signed.reason}"
        _say(turn, told, signed.by, now, text)
        before, after = str(told.severity), str(severity)
        turn.sign(signed, "severity", f"incident {told.id}", now, before=before, after=after)
        return _again(turn, told)


def resolve(
    journal: Journal,
    incident: str,
    signed: Signed,
    now: datetime,
    guards: Mapping[str, GuardSpec],
    seen: Seen | None = None,
) -> IncidentRecord:
    """Close an incident that no guard of the configuration holds open.

    Args:
        guards: those of the configuration in force.

    Raises:
        UnknownIncident: there is none.
        IncidentRefuses: it is closed already, or its guard will close it.
    """
    with journal.turn() as turn:
        told = _found(turn, incident, seen)
        if told.closed_at is not None:
            how = told.closing or "closed"
            raise IncidentRefuses(f"it is over since {_time(told.closed_at)} ({how}): add a note")
        state = turn.guard_state(told.guard)
        spec = guards.get(told.guard)
        why = held_open(told, state, spec)
        if why:
            raise IncidentRefuses(why)
        if state.incident is not None and state.incident.id == told.id:
            # Its guard left the configuration. Should it come back, it must not hold, and later
            # close anew, what a person closed: its state and the table would tell two stories.
            freed = STATE_JSON.dump_json(replace(state, incident=None)).decode()
            turn.db.execute(update(GUARDS).where(GUARDS.c.guard == told.guard).values(doc=freed))
        _change(turn, told, closed_at=now, closing=f"resolved by {signed.by}: {signed.reason}")
        _say(turn, told, signed.by, now, f"resolved: {signed.reason}")
        turn.sign(signed, "resolve", f"incident {told.id}", now)
        return _again(turn, told)


def held_open(told: IncidentRecord, state: GuardState, spec: GuardSpec | None) -> str:
    """Say why an open incident is not a person's to close, and what is; empty: it is.

    Refused rather than told to the guard: at 03:00 "resolved" must mean that it is over. While the
    site still fails, the next failing run would open another incident (and page again) a minute
    later; after a kill, users would still be without the widget and nothing would say so.

    Args:
        state: of the incident's guard.
        spec: of the incident's guard; None: it left the configuration, and closes nothing more.
    """
    if spec is None or state.incident is None or state.incident.id != told.id:
        return ""
    if state.kill is not None and state.kill.resetting:
        return (
            f"guard {told.guard} is being reset: it closes this incident itself, as soon as the "
            "store has taken the flag's old gates"
        )
    if state.kill is not None or told.cause in ("widget", "operator"):
        return (
            f"guard {told.guard} holds it open, because its trip is not reset. Reset the guard "
            f"(`tripflag reset {told.guard}`): that puts {spec.flag} back and closes the incident. "
            "Until then acknowledge it, or lower its severity"
        )
    return (
        f"guard {told.guard} still sees its cause: it closes this incident itself after "
        f"{spec.clear_passes} passing run(s) in a row, and would open another at the next failing "
        "one. Until then acknowledge it, or lower its severity"
    )


def _found(turn: Turn, incident: str, seen: Seen | None) -> IncidentRecord:
    told = history.incident_in(turn.db, incident)
    if told is None:
        raise UnknownIncident("no such incident: list /api/v1/incidents for those there are")
    if seen is not None:
        seen(told)
    return told


def _again(turn: Turn, told: IncidentRecord) -> IncidentRecord:
    return history.incident_in(turn.db, told.id) or told


def _change(turn: Turn, told: IncidentRecord, **values: object) -> None:
    turn.db.execute(update(INCIDENTS).where(INCIDENTS.c.id == told.id).values(**values))


def _say(turn: Turn, told: IncidentRecord, by: str, now: datetime, text: str) -> None:
    line = {"guard": told.guard, "incident": told.id, "at": now, "text": text, "by": by}
    turn.db.execute(insert(TIMELINE).values(**line))


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
