"""/api/v1/guards/{name}/explain: why a guard is what it is, now or at any past time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import Field

from daemon.engine import utc_now
from daemon.explain import Explanation
from daemon.replay import NotKept, explain_now, explain_then
from daemon.web.answer import View, answer
from daemon.web.asks import Ask, ByName
from daemon.web.desk import current_desk
from daemon.web.problem import Refused
from daemon.web.views.guard import spec_of

EXPLAIN = APIBlueprint(
    "explain", __name__, url_prefix="/api/v1/guards", abp_tags=[Tag(name="guards")]
)
#: A client's clock may be so much ahead of ours.
AHEAD = timedelta(minutes=1)


class ExplainQuery(Ask):
    at: str | None = Field(
        None, description="ISO 8601 time with its zone; default: now.", max_length=64
    )


class ExplainView(View):
    """`text`: the explanation in lines, for people."""

    text: str
    explanation: Explanation


@EXPLAIN.get("/<name>/explain", responses={200: ExplainView})
def explain_guard(path: ByName, query: ExplainQuery) -> Response:
    """Say why a guard is what it is: rules, runs that counted and not, and what would come next."""
    desk = current_desk()
    spec = spec_of(desk, path.name)
    now = utc_now()
    at = now if query.at is None else _time(query.at, now)
    try:
        if at >= now:
            told = explain_now(desk.journal, spec, now)
        else:
            told = explain_then(desk.journal, spec, at)
    except NotKept as cause:
        raise Refused(404, str(cause)) from cause
    # Its texts are bounded where they are made; only the whole is longer than other views allow.
    return answer(ExplainView(text=told.text(), explanation=told), longest=None)


def _time(text: str, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(400, "at is no time: give one such as 2026-01-31T12:00:00Z") from None
    if at.tzinfo is None:
        raise Refused(400, "at has no zone: add Z for UTC, or an offset such as %2B01:00")
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        raise Refused(400, "at is beyond all calendars: give a time of this century") from None
    if at > now + AHEAD:
        raise Refused(400, "at is in the future: nobody knows yet. Leave it out for now")
    return at
