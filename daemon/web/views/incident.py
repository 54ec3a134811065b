"""An incident as people see it: with its clock, its trips, and what may be done now."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from flask import request

from daemon import history
from daemon.engine import utc_now
from daemon.guard import GuardState
from daemon.history import IncidentRecord, TimelineLine
from daemon.incidents.acts import held_open
from daemon.incidents.clock import ack_due_at, is_overdue
from daemon.incidents.facts import Facts, Trip, gather
from daemon.incidents.messages import messages
from daemon.journal import Journal
from daemon.web.answer import View
from daemon.web.desk import Desk
from daemon.web.etag import etag_of
from daemon.web.problem import Refused

#: Lines of an incident that are shown; its post-mortem, and the guard's own timeline, have more.
SHOWN = 200


class IncidentView(View):
    """`closed_at` null: it is open. `notes`: how many lines of its timeline are people's.

    `ack_due_at`: from then on it is overdue, unless somebody acknowledged it or it is over.
    """

    id: str
    guard: str
    cause: str
    severity: int
    opened_at: datetime
    closed_at: datetime | None
    reason: str
    closing: str | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    notes: int
    ack_due_at: datetime
    overdue: bool


class IncidentDetail(View):
    """With its timeline, oldest first, the suspicion that led to it included; of a long one the
    newest 200 lines.
    """

    incident: IncidentView
    timeline: tuple[TimelineLine, ...]


class TripView(View):
    """One kill with its rungs; null: not reached. `took_s`: from the first failed run (else from
    the decision) to the proof.
    """

    flag: str
    to: bool
    by: str
    reason: str
    first_failed_at: datetime | None
    decided_at: datetime
    written_at: datetime | None
    verified_at: datetime | None
    failed_at: datetime | None
    took_s: float | None


class MessagesView(View):
    """Ready to copy. `resolved` null: it is not over."""

    opening: str
    update: str
    resolved: str | None
    status_page: str


class IncidentWhole(IncidentDetail):
    """With its kills, and with what to tell others. `held_open`: why `resolve` would be refused,
    and what to do instead; empty: it would not.
    """

    began_at: datetime
    restored_at: datetime | None
    trips: tuple[TripView, ...]
    messages: MessagesView
    held_open: str


def incident_etag(told: IncidentRecord) -> str:
    """Return its ETag: severity, acknowledgement, ending, and how many lines people wrote."""
    return etag_of(
        "incident", told.id, told.severity, told.acknowledged_at, told.closed_at, told.notes
    )


def incident_view(told: IncidentRecord, now: datetime) -> IncidentView:
    """Show an incident with its clock."""
    return IncidentView(
        **asdict(told),
        ack_due_at=ack_due_at(told.severity, told.opened_at),
        overdue=is_overdue(told, now),
    )


def with_story(journal: Journal, told: IncidentRecord) -> IncidentDetail:
    """Add an incident's timeline."""
    view = incident_view(told, utc_now())
    return IncidentDetail(incident=view, timeline=history.story(journal, told, SHOWN))


def whole(desk: Desk, told: IncidentRecord) -> IncidentWhole:
    """Show everything of one incident, as of now."""
    now, facts = utc_now(), gather(desk.journal, told)
    spec = desk.config.guards.get(told.guard)
    try:
        state = desk.engine.state(told.guard)
    except KeyError:
        state = GuardState.new()
    held = "" if told.closed_at is not None else held_open(told, state, spec)
    return IncidentWhole(
        incident=incident_view(told, now),
        timeline=facts.timeline[-SHOWN:],
        began_at=facts.began_at,
        restored_at=facts.restored_at,
        trips=tuple(_trip(trip) for trip in facts.trips),
        messages=_messages(desk, facts, now),
        held_open=held,
    )


def known_incident(desk: Desk, incident: str) -> IncidentRecord:
    """Return an incident.

    Raises:
        Refused: 404, there is none of that id.
    """
    told = history.incident(desk.journal, incident)
    if told is None:
        raise Refused(404, "no such incident: list /api/v1/incidents for those there are")
    return told


def base_url(desk: Desk) -> str:
    """Return the dashboard's address as others reach it, without a slash at its end.

    `web.public_url`, or else the one that this request was sent to, whose host was checked.
    """
    public = desk.config.web.public_url
    return str(public or request.host_url).rstrip("/")


def _messages(desk: Desk, facts: Facts, now: datetime) -> MessagesView:
    told = messages(facts, f"{base_url(desk)}/incidents/{facts.record.id}", now)
    return MessagesView(**asdict(told))


def _trip(trip: Trip) -> TripView:
    return TripView(**asdict(trip), took_s=trip.took_s)
