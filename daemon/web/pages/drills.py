"""Drills: the rehearsed faults that prove a guard would trip."""

from __future__ import annotations

from flask import Blueprint, Response, request

from daemon.history import Before
from daemon.web.desk import current_desk
from daemon.web.pages.page import render
from daemon.web.problem import Refused
from daemon.web.views.drill import drill_line

DRILLS = Blueprint("page_drills", __name__)

SHOWN = 50


@DRILLS.get("/drills")
def drills() -> Response:
    """Every drill, newest first; `?guard=NAME`: that guard's only."""
    desk = current_desk()
    guard = request.args.get("guard", "").strip() or None
    begin = _cursor()
    found = () if desk.drills is None else desk.drills.reports(guard, SHOWN + 1, begin)
    page = found[:SHOWN]
    rest = Before(page[-1].asked_at, page[-1].id) if len(found) > SHOWN else None
    return render(
        "drills.html",
        drills=[drill_line(each) for each in page],
        guard=guard,
        guards=tuple(desk.config.guards),
        cursor=rest,
        walks=desk.drills is not None,
    )


@DRILLS.get("/drills/<drill>")
def drill(drill: str) -> Response:
    """One drill whole: its runs, its phases, and what the guard would have said and done."""
    drills = current_desk().drills
    told = None if drills is None else drills.report(drill)
    if told is None:
        raise Refused(
            404, "no such drill: one that was under way when the daemon ended is lost; see /drills"
        )
    return render("drill.html", drill=told)


def _cursor() -> Before | None:
    text = request.args.get("cursor", "")
    try:
        return Before.parse(text) if text else None
    except ValueError:
        raise Refused(422, "cursor: no page begins there: go back to /drills") from None
