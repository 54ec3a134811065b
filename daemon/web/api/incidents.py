"""/api/v1/incidents and /api/v1/flips: what happened to users, and what was written."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon import history
from daemon.history import FlipRecord, IncidentRecord, PendingFlip, TimelineLine
from daemon.journal import Journal
from daemon.web.answer import View, answer
from daemon.web.asks import ById, FlipQuery, IncidentQuery
from daemon.web.desk import current_desk
from daemon.web.problem import Refused

INCIDENTS = APIBlueprint(
    "incidents", __name__, url_prefix="/api/v1/incidents", abp_tags=[Tag(name="incidents")]
)
FLIPS = APIBlueprint("flips", __name__, url_prefix="/api/v1/flips", abp_tags=[Tag(name="flips")])


class Incidents(View):
    incidents: tuple[IncidentRecord, ...]


class IncidentDetail(View):
    """With its timeline, oldest first, the suspicion that led to it included."""

    incident: IncidentRecord
    timeline: tuple[TimelineLine, ...]


class Flips(View):
    """Newest first; `pending`: decided, but not yet taken by the store."""

    flips: tuple[FlipRecord, ...]
    pending: tuple[PendingFlip, ...]
    next: int | None


def with_story(journal: Journal, incident: IncidentRecord) -> IncidentDetail:
    """Add an incident's timeline."""
    return IncidentDetail(incident=incident, timeline=history.story(journal, incident))


@INCIDENTS.get("", responses={200: Incidents})
def list_incidents(query: IncidentQuery) -> Response:
    """List incidents, newest first."""
    found = history.incidents(
        current_desk().journal, guard=query.guard, is_open=query.open, limit=query.limit
    )
    return answer(Incidents(incidents=found))


@INCIDENTS.get("/<id>", responses={200: IncidentDetail})
def get_incident(path: ById) -> Response:
    """Show one incident with its timeline."""
    journal = current_desk().journal
    found = history.incident(journal, path.id)
    if found is None:
        raise Refused(404, "no such incident: list /api/v1/incidents for those there are")
    return answer(with_story(journal, found), longest=None)


@FLIPS.get("", responses={200: Flips})
def list_flips(query: FlipQuery) -> Response:
    """List acknowledged writes to flags, and those still owed."""
    journal = current_desk().journal
    found = history.flips(journal, flag=query.flag, before=query.before, limit=query.limit + 1)
    page = found[: query.limit]
    more = len(found) > query.limit
    return answer(
        Flips(
            flips=page,
            pending=history.pending_flips(journal),
            next=page[-1].id if more else None,
        )
    )
