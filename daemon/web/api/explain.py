"""/api/v1/guards/{name}/explain: why a guard is what it is, now or at any past time."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import Field

from config.schema import GuardSpec
from daemon.engine import utc_now
from daemon.explain import Explanation
from daemon.replay import NotKept, explain_now, explain_then
from daemon.web.answer import View, answer
from daemon.web.asks import Ask, ByName
from daemon.web.desk import Desk, current_desk
from daemon.web.paging import utc_time
from daemon.web.problem import Problem, Refused
from daemon.web.views.guard import spec_of

EXPLAIN = APIBlueprint(
    "explain", __name__, url_prefix="/api/v1/guards", abp_tags=[Tag(name="guards")]
)
#: A client's clock may be so much ahead of ours.
AHEAD = timedelta(minutes=1)


class ExplainQuery(Ask):
    at: str | None = Field(
        None,
        description="ISO 8601 time with its zone; default: now.",
        max_length=64,
        json_schema_extra={"format": "date-time"},
    )


class ExplainView(View):
    """`text`: the explanation in lines, for people."""

    text: str
    explanation: Explanation


@EXPLAIN.get("/<name>/explain", responses={200: ExplainView, 400: Problem})
def explain_guard(path: ByName, query: ExplainQuery) -> Response:
    """Say why a guard is what it is: rules, runs that counted and not, and what would come next."""
    desk = current_desk()
    told = explained(desk, spec_of(desk, path.name), query.at)
    # Its texts are bounded where they are made; only the whole is longer than other views allow.
    return answer(ExplainView(text=told.text(), explanation=told), longest=None)


def explained(desk: Desk, spec: GuardSpec, asked: str | None) -> Explanation:
    """Explain a guard, now or at the time that somebody asked for.

    Raises:
        Refused: 400, `asked` is no time; 404, nobody knows yet, or what was told by then is gone.
    """
    now = utc_now()
    at = now if asked is None else _time(asked, now)
    try:
        if at >= now:
            return explain_now(desk.journal, spec, now)
        return explain_then(desk.journal, spec, at)
    except NotKept as cause:
        raise Refused(404, str(cause)) from cause


def _time(text: str, now: datetime) -> datetime:
    try:
        at = utc_time(text)
    except ValueError as cause:
        raise Refused(400, f"at {cause}") from None
    except OverflowError:
        raise Refused(400, "at is beyond all calendars: give a time of this century") from None
    if at > now + AHEAD:
        raise Refused(404, "at is in the future: nobody knows yet. Leave it out for now")
    return at
