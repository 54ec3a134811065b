"""/api/v1/drills: rehearsed kills. Starting one is an operator's; it changes no flag."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import Field

from daemon.drill_report import Report
from daemon.drills import DrillRefused
from daemon.web.answer import View, answer
from daemon.web.asks import Ask, ById, ByName, Limit, Person, Reason
from daemon.web.desk import current_desk
from daemon.web.problem import Refused
from daemon.web.views.drill import DrillLine, drill_line
from daemon.web.views.guard import spec_of

DRILLS = APIBlueprint("drills", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="drills")])


class Rehearse(Ask):
    by: Annotated[Person, Field(description="Who asks.")] = "operator"
    reason: Annotated[Reason | None, Field(description="One sentence: why.")] = None


class DrillQuery(Ask):
    guard: str | None = None
    limit: Limit = 50


class DrillStarted(View):
    id: str
    guard: str


class DrillList(View):
    drills: tuple[DrillLine, ...]


class DrillDetail(View):
    drill: Report


@DRILLS.post("/guards/<name>/drill", responses={202: DrillStarted})
def start_drill(path: ByName, body: Rehearse) -> Response:
    """Rehearse the guard's kill: faults in the probe's own browser only, nothing written."""
    desk = current_desk()
    spec_of(desk, path.name)
    if desk.drills is None:
        raise Refused(503, "this daemon has no scheduler that could walk a drill")
    try:
        drill = desk.drills.start(path.name, body.by, body.reason or "")
    except DrillRefused as cause:
        raise Refused(409, str(cause)) from cause
    except KeyError:
        detail = f"guard {path.name!r} is being loaded: ask again in a second"
        raise Refused(503, detail) from None
    return answer(DrillStarted(id=drill, guard=path.name), 202)


@DRILLS.get("/drills", responses={200: DrillList})
def list_drills(query: DrillQuery) -> Response:
    """List drills: those under way, then those that ended, newest first."""
    drills = current_desk().drills
    found = () if drills is None else drills.reports(query.guard, query.limit)
    return answer(DrillList(drills=tuple(drill_line(each) for each in found)))


@DRILLS.get("/drills/<id>", responses={200: DrillDetail})
def get_drill(path: ById) -> Response:
    """Show one drill whole: its runs, phases, and what the guard would have said and done."""
    drills = current_desk().drills
    found = None if drills is None else drills.report(path.id)
    if found is None:
        raise Refused(
            404, "no such drill: one that was under way when the daemon ended is lost; list /drills"
        )
    return answer(DrillDetail(drill=found), longest=None)
