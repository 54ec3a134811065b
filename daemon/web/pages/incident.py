"""Incidents, and one of them with its timeline, clock, notes and messages to copy."""

from __future__ import annotations

from flask import Blueprint, Response

from daemon import history
from daemon.engine import utc_now
from daemon.history import Before
from daemon.incidents.facts import is_explanation
from daemon.incidents.markdown import plain_line
from daemon.web.api.incidents import IncidentQuery
from daemon.web.desk import current_desk
from daemon.web.pages.asked import asked, page_after
from daemon.web.pages.page import render
from daemon.web.paging import page_of
from daemon.web.views.incident import incident_etag, incident_view, known_incident, whole

INCIDENT = Blueprint("page_incident", __name__)

#: What an incident is blamed on, in words.
CAUSES = {
    "widget": "the widget itself",
    "operator": "killed by hand",
    "site": "the whole site",
    "powerless": "the widget, but its flag does not gate the page",
}
#: The runbook's words for severities.
SEVERITIES = {1: "critical", 2: "high", 3: "medium", 4: "low"}


@INCIDENT.get("/incidents")
def incidents() -> Response:
    """Incidents, newest first; `open`, `guard` and the API's other filters narrow them."""
    query, now = asked(IncidentQuery), utc_now()
    desk = current_desk()
    found = history.incidents(
        desk.journal,
        guard=query.guard,
        is_open=query.open,
        cause=query.cause,
        severity=query.severity,
        since=query.since,
        until=query.until,
        before=query.cursor,
        limit=query.limit + 1,
    )
    shown, rest = page_of(found, query.limit, lambda each: Before(each.opened_at, each.id))
    return render(
        "incidents.html",
        incidents=[incident_view(each, now) for each in shown],
        query=query,
        after=page_after(rest),
        causes=CAUSES,
        severities=SEVERITIES,
    )


@INCIDENT.get("/incidents/<id>")
def incident(id: str) -> Response:
    """One incident whole."""
    desk = current_desk()
    told = known_incident(desk, id)
    return render(
        "incident.html",
        whole=whole(desk, told),
        etag=incident_etag(told),
        plain_line=plain_line,
        is_explanation=is_explanation,
        guarded=told.guard in desk.config.guards,
        causes=CAUSES,
        severities=SEVERITIES,
    )
