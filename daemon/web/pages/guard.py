"""A guard's own page: why it is what it is, what comes next, and what happened."""

from __future__ import annotations

import json
from dataclasses import dataclass

from flask import Blueprint, Response, request

from daemon import history
from daemon.engine import utc_now
from daemon.web.api.explain import explained
from daemon.web.desk import Desk, current_desk
from daemon.web.pages.guard_row import guard_row
from daemon.web.pages.page import render
from daemon.web.pages.phases import WINDOW, spans
from daemon.web.problem import Refused
from daemon.web.views.drill import drill_line
from daemon.web.views.guard import spec_of
from daemon.web.views.probe import probe_views
from probes.model import Run

GUARD = Blueprint("page_guard", __name__)

LINES_SHOWN = 60
DRILLS_SHOWN = 8
RUNS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Side:
    """Treatment or control: the newest run; None: none is kept."""

    word: str
    probes: tuple[str, ...]
    run: Run | None

    @property
    def screenshot(self) -> bool:
        """True where a picture of it was kept."""
        return self.run is not None and any(a.kind == "screenshot" for a in self.run.artifacts)


@GUARD.get("/guards/<name>")
def guard(name: str) -> Response:
    """One guard, now; with `?at=TIME`, why it was what it was then."""
    desk, now = current_desk(), utc_now()
    spec = spec_of(desk, name)
    row = guard_row(desk, name, probe_views(desk, spec.probes))
    asked = request.args.get("at", "").strip()[:64] or None
    told, problem = None, ""
    try:
        told = explained(desk, spec, asked)
    except Refused as cause:
        problem = cause.detail
    lines = history.lines(desk.journal, name, limit=LINES_SHOWN)
    drills = () if desk.drills is None else desk.drills.reports(name, DRILLS_SHOWN)
    return render(
        "guard.html",
        400 if problem else 200,
        row=row,
        asked=asked,
        told=told,
        problem=problem,
        lines=lines,
        spans=spans(spec, lines, row.view.phase, row.view.since, now),
        begin=now - WINDOW,
        sides=(
            Side("Treatment", spec.probes, _newest(desk, spec.probes)),
            Side("Control", (spec.control,), _newest(desk, (spec.control,))),
        ),
        drills=[drill_line(each) for each in drills],
        can_drill=desk.drills is not None and spec.drill is not None,
        runs_shown=RUNS_SHOWN,
        spec=json.dumps(spec.model_dump(mode="json", exclude_none=True), indent=2),
    )


def _newest(desk: Desk, probes: tuple[str, ...]) -> Run | None:
    config = desk.config
    places = [(probe, place) for probe in probes for place in config.probes[probe].locations]
    found = [each.last for each in history.recent(desk.journal, places, 1) if each.last]
    return max(found, key=lambda run: run.started_at, default=None)
