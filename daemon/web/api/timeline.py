"""/api/v1/guards/{name}/timeline: what a guard noted, and people beside it."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon import history
from daemon.history import NumberedLine
from daemon.web.answer import View, answer
from daemon.web.asks import ByName
from daemon.web.desk import current_desk
from daemon.web.paging import CURSOR, NEXT, RowCursor, Within, page_of
from daemon.web.views.guard import spec_of

TIMELINE = APIBlueprint(
    "timeline", __name__, url_prefix="/api/v1/guards", abp_tags=[Tag(name="guards")]
)


class LineQuery(Within):
    cursor: RowCursor | None = CURSOR


class GuardTimeline(View):
    """Newest first."""

    lines: tuple[NumberedLine, ...]
    next: str | None = NEXT


@TIMELINE.get("/<name>/timeline", responses={200: GuardTimeline})
def guard_timeline(path: ByName, query: LineQuery) -> Response:
    """List everything that a guard noted, newest first, a page at a time."""
    desk = current_desk()
    found = history.lines(
        desk.journal,
        spec_of(desk, path.name).name,
        since=query.since,
        until=query.until,
        before=query.cursor,
        limit=query.limit + 1,
    )
    page, rest = page_of(found, query.limit, lambda line: line.id)
    return answer(GuardTimeline(lines=page, next=rest))
