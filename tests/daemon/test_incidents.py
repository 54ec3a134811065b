"""The acknowledgement clock, and what a journal keeps of people's acts on an incident."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.history import IncidentRecord
from daemon.incidents.clock import ack_due_at, is_overdue

#: A Friday.
T0 = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TOLD = IncidentRecord("x-1", "x", "widget", 1, T0, None, "why", None)


@pytest.mark.parametrize(("severity", "minutes"), [(1, 5), (2, 15), (3, 60)])
def test_an_incident_is_overdue_from_its_severitys_limit_on(severity: int, minutes: int) -> None:
    told = replace(TOLD, severity=severity)
    due = T0 + timedelta(minutes=minutes)
    assert ack_due_at(severity, T0) == due
    assert [is_overdue(told, at) for at in (due - SECOND, due, due + SECOND)] == [False, True, True]


@pytest.mark.parametrize(
    ("opened", "due"),
    [
        ("2026-11-26T03:00:00+00:00", "2026-11-28T00:00:00+00:00"),  # Thursday: all of Friday
        ("2026-11-27T23:59:59+00:00", "2026-12-01T00:00:00+00:00"),  # Friday: all of Monday
        ("2026-11-28T12:00:00+00:00", "2026-12-01T00:00:00+00:00"),
        ("2026-11-29T12:00:00+00:00", "2026-12-01T00:00:00+00:00"),
        ("2026-11-30T01:00:00+02:00", "2026-12-01T00:00:00+00:00"),  # Sunday still, in UTC
    ],
)
def test_a_low_one_may_wait_until_the_next_working_day_is_over(opened: str, due: str) -> None:
    assert ack_due_at(4, datetime.fromisoformat(opened)) == datetime.fromisoformat(due)


def test_an_incident_that_somebody_took_or_that_is_over_is_never_overdue() -> None:
    late = T0 + timedelta(days=9)
    assert is_overdue(TOLD, late)
    assert not is_overdue(replace(TOLD, acknowledged_at=late), late)
    assert not is_overdue(replace(TOLD, closed_at=late), late)
