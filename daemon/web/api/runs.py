"""/api/v1/runs: what happened, and the evidence."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon import history
from daemon.web.answer import answer
from daemon.web.artifacts import send
from daemon.web.asks import ById, ByKind
from daemon.web.desk import current_desk
from daemon.web.paging import CURSOR, PlaceCursor, Within
from daemon.web.problem import Refused
from daemon.web.views.run import RunDetail, Runs, run_line
from probes.model import Outcome, Purpose, Run

RUNS = APIBlueprint("runs", __name__, url_prefix="/api/v1/runs", abp_tags=[Tag(name="runs")])

_EVIDENCE: dict[str, Any] = {
    "description": "The file, as an image to show or as a download.",
    "content": {
        mimetype: {"schema": {"type": "string", "format": "binary"}}
        for mimetype in ("image/png", "image/jpeg", "image/webp", "application/octet-stream")
    },
}


class RunQuery(Within):
    probe: str | None = None
    location: str | None = None
    outcome: Outcome | None = None
    purpose: Purpose | None = None
    cursor: PlaceCursor | None = CURSOR


@RUNS.get("", responses={200: Runs})
def list_runs(query: RunQuery) -> Response:
    """List runs, newest first, a page at a time."""
    page, rest = history.runs(
        current_desk().journal,
        probe=query.probe,
        location=query.location,
        outcome=query.outcome,
        purpose=query.purpose,
        since=query.since,
        until=query.until,
        before=query.cursor,
        limit=query.limit,
    )
    lines = tuple(run_line(run) for run in page)
    return answer(Runs(runs=lines, next=None if rest is None else str(rest)))


@RUNS.get("/<id>", responses={200: RunDetail})
def get_run(path: ById) -> Response:
    """Show one run whole: steps, exposure, vitals, console errors, failed requests."""
    return answer(RunDetail(run=_run(path.id)), longest=None)


@RUNS.get("/<id>/artifacts/<kind>", responses={200: _EVIDENCE})
def get_artifact(path: ByKind) -> Response:
    """Send evidence of a run: its screenshot, or its Playwright trace."""
    return send(current_desk(), _run(path.id), path.kind)


def _run(run_id: str) -> Run:
    run = history.run(current_desk().journal, run_id)
    if run is None:
        raise Refused(404, "no such run: it may be older than journal.runs_keep_days; list /runs")
    return run
