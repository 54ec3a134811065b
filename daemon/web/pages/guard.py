"""A guard's own page: why it is what it is, what comes next, and what happened."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from flask import Blueprint, Response, request

from daemon import history
from daemon.engine import utc_now
from daemon.explain.model import CountedRun, Explanation
from daemon.web.api.explain import explained
from daemon.web.desk import Desk, current_desk
from daemon.web.pages.guard_row import guard_row
from daemon.web.pages.page import render
from daemon.web.pages.phases import WINDOW, spans, told_since
from daemon.web.problem import Refused
from daemon.web.views.drill import drill_line
from daemon.web.views.guard import spec_of
from daemon.web.views.probe import probe_views
from probes.model import Outcome, Run

GUARD = Blueprint("page_guard", __name__)

LINES_SHOWN = 60
DRILLS_SHOWN = 8
RUNS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Side:
    """Treatment or control: the run that speaks for it; None: none is kept."""

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
    # After a kill no browser is shown the widget: what it was decided by is what tells.
    kill = row.view.kill
    until = told.at if told and asked else kill.decided_at if kill else None
    failed = None if asked or kill is None or kill.first_failed_at is None else Outcome.FAILED
    lines = history.lines(desk.journal, name, limit=LINES_SHOWN)
    whole = len(lines) < LINES_SHOWN
    watched = told_since(desk.journal, name)
    drills = () if desk.drills is None else desk.drills.reports(name, DRILLS_SHOWN)
    return render(
        "guard.html",
        400 if problem else 200,
        row=row,
        asked=asked,
        told=told,
        problem=problem,
        lines=lines,
        spans=spans(
            spec, lines, row.view.phase, row.view.since, now, (watched or now) if whole else None
        ),
        watched=watched,
        begin=now - WINDOW,
        sides=(
            Side("Treatment", spec.probes, _newest(desk, spec.probes, until, failed)),
            Side("Control", (spec.control,), _newest(desk, (spec.control,), until)),
        ),
        sides_at=until,
        weighed=_weighed(told),
        drills=[drill_line(each) for each in drills],
        can_drill=desk.drills is not None and spec.drill is not None,
        runs_shown=RUNS_SHOWN,
        spec=json.dumps(spec.model_dump(mode="json", exclude_none=True), indent=2),
    )


def _weighed(told: Explanation | None) -> list[CountedRun]:
    """Put the runs that counted or failed first: after a kill those told *off* bury them."""
    runs = () if told is None else told.runs
    return sorted(runs, key=lambda run: not (run.counts or run.outcome is Outcome.FAILED))


def _newest(
    desk: Desk,
    probes: tuple[str, ...],
    until: datetime | None = None,
    outcome: Outcome | None = None,
) -> Run | None:
    """Return the newest run of any of the probes, or None; `until`: that started before it."""
    if until is not None:
        pages = (
            history.runs(desk.journal, probe=probe, outcome=outcome, until=until, limit=1)[0]
            for probe in probes
        )
        return max(chain.from_iterable(pages), key=lambda run: run.started_at, default=None)
    config = desk.config
    places = [(probe, place) for probe in probes for place in config.probes[probe].locations]
    found = [each.last for each in history.recent(desk.journal, places, 1) if each.last]
    return max(found, key=lambda run: run.started_at, default=None)
