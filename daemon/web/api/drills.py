"""/api/v1/drills: rehearsed kills. Starting one is an operator's; it changes no flag."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon.drill_report import Report
from daemon.drills import DrillRefused
from daemon.history import Before
from daemon.web.acting import expect, signed
from daemon.web.answer import View, answer
from daemon.web.asks import Ask, ById, ByName, Limit, Said
from daemon.web.desk import current_desk
from daemon.web.paging import CURSOR, NEXT, PlaceCursor, page_of
from daemon.web.problem import Refused
from daemon.web.views.drill import DrillLine, drill_line
from daemon.web.views.guard import etag_of_guard, spec_of

DRILLS = APIBlueprint("drills", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="drills")])


class DrillQuery(Ask):
    guard: str | None = None
    limit: Limit = 50
    cursor: PlaceCursor | None = CURSOR


class DrillStarted(View):
    id: str
    guard: str


class DrillList(View):
    """Newest first, those under way included."""

    drills: tuple[DrillLine, ...]
    next: str | None = NEXT


class DrillDetail(View):
    drill: Report


@DRILLS.post("/guards/<name>/drill", responses={202: DrillStarted})
def start_drill(path: ByName, body: Said) -> Response:
    """Rehearse the guard's kill: faults in the probe's own browser only, nothing written."""
    desk = current_desk()
    spec_of(desk, path.name)
    if desk.drills is None:
        raise Refused(503, "this daemon has no scheduler that could walk a drill")
    sign = signed(body)
    try:
        check = expect(f"guard {path.name}", etag_of_guard)
        drill = desk.drills.start(path.name, sign.by, sign.reason, sign.request_id, check)
    except DrillRefused as cause:
        raise Refused(409, str(cause)) from cause
    except KeyError:
        detail = f"guard {path.name!r} is being loaded: ask again in a second"
        raise Refused(503, detail) from None
    sent = answer(DrillStarted(id=drill, guard=path.name), 202)
    sent.headers["Location"] = f"/api/v1/drills/{drill}"
    return sent


@DRILLS.get("/drills", responses={200: DrillList})
def list_drills(query: DrillQuery) -> Response:
    """List drills, newest first."""
    drills = current_desk().drills
    wanted = (query.guard, query.limit + 1, query.cursor)
    found = () if drills is None else drills.reports(*wanted)
    page, rest = page_of(found, query.limit, lambda told: Before(told.asked_at, told.id))
    return answer(DrillList(drills=tuple(drill_line(each) for each in page), next=rest))


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
