"""/api/v1/incidents and /api/v1/flips: what happened to users, and what was written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import Field

from daemon import history
from daemon.engine import utc_now
from daemon.history import Before, FlipRecord, IncidentRecord, PendingFlip
from daemon.incidents.acts import (
    IncidentRefuses,
    UnknownIncident,
    acknowledge,
    note,
    resolve,
    set_severity,
)
from daemon.incidents.facts import gather_all
from daemon.incidents.postmortem import postmortem
from daemon.news import About
from daemon.web.acting import expect, signed, tagged
from daemon.web.answer import View, answer
from daemon.web.asks import ById, Graded, Noted, Reasoned
from daemon.web.desk import current_desk
from daemon.web.paging import CURSOR, NEXT, PlaceCursor, RowCursor, Within, page_of
from daemon.web.problem import Refused
from daemon.web.views.incident import (
    IncidentView,
    IncidentWhole,
    base_url,
    incident_etag,
    incident_view,
    known_incident,
    whole,
)

INCIDENTS = APIBlueprint(
    "incidents", __name__, url_prefix="/api/v1/incidents", abp_tags=[Tag(name="incidents")]
)
FLIPS = APIBlueprint("flips", __name__, url_prefix="/api/v1/flips", abp_tags=[Tag(name="flips")])


class IncidentQuery(Within):
    guard: str | None = None
    open: bool | None = None
    cause: str | None = None
    severity: int | None = Field(None, ge=1, le=4)
    cursor: PlaceCursor | None = CURSOR


class FlipQuery(Within):
    flag: str | None = None
    guard: str | None = None
    cursor: RowCursor | None = CURSOR


class Incidents(View):
    """Newest first."""

    incidents: tuple[IncidentView, ...]
    next: str | None = NEXT


class Flips(View):
    """Newest first; `pending`: decided, but not yet taken by the store."""

    flips: tuple[FlipRecord, ...]
    pending: tuple[PendingFlip, ...]
    next: str | None = NEXT


@INCIDENTS.get("", responses={200: Incidents})
def list_incidents(query: IncidentQuery) -> Response:
    """List incidents, newest first."""
    found = history.incidents(
        current_desk().journal,
        guard=query.guard,
        is_open=query.open,
        cause=query.cause,
        severity=query.severity,
        since=query.since,
        until=query.until,
        before=query.cursor,
        limit=query.limit + 1,
    )
    page, rest = page_of(found, query.limit, lambda each: Before(each.opened_at, each.id))
    now = utc_now()
    return answer(Incidents(incidents=tuple(incident_view(each, now) for each in page), next=rest))


@INCIDENTS.get("/<id>", responses={200: IncidentWhole})
def get_incident(path: ById) -> Response:
    """Show one incident with its timeline, its kills, and messages to copy."""
    desk = current_desk()
    told = known_incident(desk, path.id)
    return tagged(answer(whole(desk, told), longest=None), incident_etag(told))


@INCIDENTS.get(
    "/<id>/postmortem.md",
    responses={200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}},
)
def get_postmortem(path: ById) -> Response:
    """Download what is on record as a post-mortem in Markdown, with headings for the rest."""
    desk, now = current_desk(), utc_now()
    told = known_incident(desk, path.id)
    facts = gather_all(desk.journal, told, desk.config.guards.get(told.guard), now)
    # A lone surrogate out of a target's JSON cannot be encoded.
    text = postmortem(facts, base_url(desk), now).encode("utf-8", "replace")
    sent = Response(text, mimetype="text/markdown")
    sent.headers["Content-Disposition"] = f'attachment; filename="postmortem-{_file(told.id)}.md"'
    return sent


@INCIDENTS.post("/<id>/acknowledge", responses={200: IncidentWhole})
def acknowledge_incident(path: ById, body: Reasoned) -> Response:
    """Take an incident: its clock stops."""
    return _act(path.id, partial(acknowledge, signed=signed(body)))


@INCIDENTS.post("/<id>/note", responses={200: IncidentWhole})
def note_incident(path: ById, body: Noted) -> Response:
    """Add a line to its timeline, in your name; also after its end."""
    sign = replace(signed(body), reason=body.text)
    return _act(path.id, partial(note, signed=sign))


@INCIDENTS.post("/<id>/severity", responses={200: IncidentWhole})
def grade_incident(path: ById, body: Graded) -> Response:
    """Say how grave it is: 1 critical .. 4 low. The time to acknowledge it moves along."""
    return _act(path.id, partial(set_severity, severity=body.severity, signed=signed(body)))


@INCIDENTS.post("/<id>/resolve", responses={200: IncidentWhole})
def resolve_incident(path: ById, body: Reasoned) -> Response:
    """Close an incident that no guard holds open. 409 names what closes the others."""
    guards = current_desk().config.guards
    return _act(path.id, partial(resolve, signed=signed(body), guards=guards))


def _act(incident: str, act: Callable[..., IncidentRecord]) -> Response:
    desk = current_desk()
    seen = expect(f"incident {incident[:100]}", incident_etag)
    try:
        told = act(desk.journal, incident, now=utc_now(), seen=seen)
    except UnknownIncident as cause:
        raise Refused(404, str(cause)) from cause
    except IncidentRefuses as cause:
        raise Refused(409, str(cause)) from cause
    desk.engine.news.tell(About.INCIDENT, told.guard, told.id)
    return tagged(answer(whole(desk, told), longest=None), incident_etag(told))


def _file(incident: str) -> str:
    """Return an id as a part of a file's name: a guard's name and a time are letters and digits."""
    return "".join(each if each.isalnum() and each.isascii() else "-" for each in incident)[:100]


@FLIPS.get("", responses={200: Flips})
def list_flips(query: FlipQuery) -> Response:
    """List acknowledged writes to flags, and those still owed."""
    journal = current_desk().journal
    found = history.flips(
        journal,
        flag=query.flag,
        guard=query.guard,
        since=query.since,
        until=query.until,
        before=query.cursor,
        limit=query.limit + 1,
    )
    page, rest = page_of(found, query.limit, lambda flip: flip.id)
    pending = tuple(
        flip
        for flip in history.pending_flips(journal)
        if query.flag in (None, flip.flag) and query.guard in (None, flip.guard)
    )
    return answer(Flips(flips=page, pending=pending, next=rest))
