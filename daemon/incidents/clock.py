"""PURE: the acknowledgement clock: by when a person should have taken an incident."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType

from daemon.history import IncidentRecord

#: How long after its opening somebody must have acknowledged an incident, by severity.
#: | severity | until          | as the runbook says                                     |
#: |----------|----------------|---------------------------------------------------------|
#: | 1        | 5 minutes      | critical: the person on call is woken                   |
#: | 2        | 15 minutes     | high: the person on call is told                        |
#: | 3        | 60 minutes     | medium: the team's channel is told                      |
#: | 4        | the next working day | low: it may wait for the night, and for Monday    |
LIMITS: Mapping[int, timedelta] = MappingProxyType(
    {1: timedelta(minutes=5), 2: timedelta(minutes=15), 3: timedelta(minutes=60)}
)
#: `date.weekday()` of the first day that is not worked.
_SATURDAY = 5


def ack_due_at(severity: int, opened_at: datetime) -> datetime:
    """Return the time from which on an incident without acknowledgement is overdue.

    Always counted from the opening: to raise the severity of an old incident makes it overdue at
    once, which is what it then is. Severity 4 is due at the end (UTC) of the next day from Monday
    to Friday; holidays are nowhere on record.
    """
    limit = LIMITS.get(severity)
    if limit is not None:
        return opened_at + limit
    day = opened_at.astimezone(UTC).date() + timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return datetime.combine(day + timedelta(days=1), time(0), UTC)


def is_overdue(told: IncidentRecord, now: datetime) -> bool:
    """True from the due time on, while it is open and nobody took it."""
    if told.closed_at is not None or told.acknowledged_at is not None:
        return False
    return now >= ack_due_at(told.severity, told.opened_at)
