"""The overview: is anything killed, why, is it really gone, what do I do.

Its cost depends on what is configured and on what is open, not on how many runs are stored.
"""

from __future__ import annotations

from flask import Blueprint, Response

from daemon import history
from daemon.engine import utc_now
from daemon.web.desk import Desk, current_desk
from daemon.web.pages.guard_row import GuardRow, guard_row
from daemon.web.pages.headline import headline
from daemon.web.pages.page import render
from daemon.web.problem import Refused
from daemon.web.views.circuit import circuit_etag, circuit_view
from daemon.web.views.incident import incident_etag, incident_view
from daemon.web.views.probe import ProbeView, probe_views
from daemon.web.wording import URGENCY

OVERVIEW = Blueprint("page_overview", __name__)

#: Enough to see what happened tonight; their own pages list the rest.
FLIPS_SHOWN = 8
INCIDENTS_SHOWN = 20


@OVERVIEW.get("/")
def overview() -> Response:
    """The page for the person on call."""
    desk = current_desk()
    probes = probe_views(desk, tuple(desk.config.probes))
    rows = [row for name in desk.config.guards if (row := _row(desk, name, probes)) is not None]
    rows.sort(key=lambda row: URGENCY.index(row.view.phase))
    problems = dict(desk.problems())
    now = utc_now()
    open_incidents = history.incidents(desk.journal, is_open=True, limit=INCIDENTS_SHOWN)
    circuits = desk.engine.circuits.states()
    return render(
        "overview.html",
        rows=rows,
        headline=headline([row.view for row in rows], problems, desk.alive()),
        problems=problems,
        alive=desk.alive(),
        probes=probes,
        circuits=[each for each in map(circuit_view, circuits.values()) if each.go_round],
        circuit_etags={name: circuit_etag(each) for name, each in circuits.items()},
        incidents=[(incident_view(each, now), incident_etag(each)) for each in open_incidents],
        flips=history.flips(desk.journal, limit=FLIPS_SHOWN),
        pending=history.pending_flips(desk.journal),
        evidence_lost=desk.evidence_lost(),
    )


def _row(desk: Desk, name: str, probes: tuple[ProbeView, ...]) -> GuardRow | None:
    try:
        return guard_row(desk, name, probes)
    except Refused:
        return None  # a reload is bringing it in: it is there in a second
