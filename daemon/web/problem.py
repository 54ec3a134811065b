"""Errors as problem+json (RFC 9457): `detail` says what is wrong and the remedy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import structlog
from flask import Flask, Response, current_app, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Response as WerkzeugResponse

from daemon.guard import GuardRefuses
from daemon.journal import JournalError
from daemon.web.desk import ProbeBusy
from daemon.web.kinds import kind_of
from daemon.web.request_id import HEADER, request_id
from flags.model import FlagChanged, FlagError, UnknownFlag

log = structlog.get_logger(__name__)

MIME = "application/problem+json"
#: Where the app keeps what makes a page of a status and a detail (`pages.page.problem_page`).
PAGE = "tripflag_problem_page"
#: What a client may send in one body; a reason is 500 characters.
BODY_LIMIT = 64 * 1024


class Problem(BaseModel):
    """An error's body; further members are extensions, such as `known` names."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(description="Names the kind, and leads to a page about it.")]
    title: Annotated[str, Field(description="The same for every problem of the kind.")]
    status: Annotated[int, Field(ge=400, le=599)]
    detail: Annotated[str, Field(description="What is wrong this time, why, and the remedy.")]
    instance: Annotated[str, Field(description="Id of the request, as in X-Request-ID.")]


class Refused(Exception):
    """Ends the request with a problem; raised by views and checks."""

    def __init__(
        self, status: int, detail: str, headers: dict[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.members = members


def unknown(kind: str, name: str, known: Sequence[str]) -> Refused:
    """Make the 404 for a name that nobody has, with those that somebody has."""
    names = sorted(known)
    remedy = f"name one of: {', '.join(names)}" if names else f"no {kind} is configured"
    return Refused(404, f"no {kind} is named {name[:100]!r}: {remedy}", known=names)


def answer_problem(
    status: int, detail: str, headers: dict[str, str] | None = None, **members: Any
) -> Response:
    """Build the answer."""
    kind, instance = kind_of(status), request_id()
    body = {
        "type": kind.type,
        "title": kind.title,
        "status": status,
        "detail": detail,
        "instance": instance,
        **members,
    }
    sent = Response(json.dumps(body), status=status, mimetype=MIME, headers=headers)
    sent.headers[HEADER] = instance
    return sent


def invalid(cause: ValidationError) -> Response:
    """Turn pydantic's errors into sentences; never repeats what was sent."""
    errors = [_readable(error) for error in cause.errors(include_input=False, include_url=False)]
    detail = "; ".join(f"{each['at']}: {each['says']}" for each in errors)
    return answer_problem(422, detail, errors=errors)


def register(app: Flask) -> None:
    """Let every exception of a request end in a problem."""

    @app.errorhandler(Refused)
    def refused(cause: Refused) -> Response:
        return _tell(cause.status, cause.detail, cause.headers, **cause.members)

    @app.errorhandler(FlagChanged)
    @app.errorhandler(GuardRefuses)
    @app.errorhandler(ProbeBusy)
    def conflict(cause: Exception) -> Response:
        return _tell(409, str(cause))

    @app.errorhandler(UnknownFlag)
    def no_such_flag(cause: UnknownFlag) -> Response:
        return _tell(404, str(cause))

    @app.errorhandler(FlagError)
    @app.errorhandler(JournalError)
    def unavailable(cause: Exception) -> Response:
        return _tell(503, str(cause))

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(_: RequestEntityTooLarge) -> Response:
        return _tell(413, f"the body is over {BODY_LIMIT} bytes: send a shorter reason")

    @app.errorhandler(HTTPException)
    def http(cause: HTTPException) -> WerkzeugResponse | HTTPException:
        if cause.response is not None or (cause.code or 500) < 400:
            return cause  # a finished answer, such as `invalid`'s, or a redirect
        return _tell(cause.code or 500, _remedy(cause), dict(_headers(cause)))

    @app.errorhandler(Exception)
    def defect(cause: Exception) -> Response:
        log.error("request failed", method=request.method, path=request.path, exc_info=cause)
        return _tell(
            500, "a defect of Tripflag's: the daemon's log has the details; please report it"
        )


def _tell(
    status: int, detail: str, headers: dict[str, str] | None = None, **members: Any
) -> Response:
    """Say it as a page to whoever asked for one, and as a problem to everybody else."""
    if not _asks_for_a_page():
        return answer_problem(status, detail, headers, **members)
    page: Response = current_app.extensions[PAGE](status, detail)
    page.headers.extend(headers or {})
    return page


def _asks_for_a_page() -> bool:
    if MIME in request.headers.get("Accept", ""):
        return False
    if request.endpoint is None:  # nothing is there; a browser that was led astray gets a page
        return "text/html" in request.headers.get("Accept", "") and not _for_programs()
    return (request.blueprint or "").startswith("page_")


def _for_programs() -> bool:
    return request.path.startswith(("/api/", "/ofrep/", "/v0/", "/openapi/"))


def _remedy(cause: HTTPException) -> str:
    match cause.code:
        case 404:
            return "nothing is here: see /openapi/openapi.json for what is"
        case 405:
            allowed = ", ".join(sorted(getattr(cause, "valid_methods", None) or ()))
            return f"{request.method} is not served here: use {allowed}"
        case _:
            return cause.description or "the request cannot be served"


def _headers(cause: HTTPException) -> list[tuple[str, str]]:
    return [(name, value) for name, value in cause.get_headers() if name != "Content-Type"]


def _readable(error: Any) -> dict[str, str]:
    at = ".".join(str(part) for part in error["loc"]) or "body"
    message: str = error["msg"]
    match error["type"]:
        case "missing":
            says = "required, but it was not sent"
        case "extra_forbidden":
            says = "not known here: remove it, or check its spelling"
        case "model_type" | "model_attributes_type":
            says = "must be a JSON object"
        case "value_error":
            says = message.removeprefix("Value error, ")
        case _:
            says = message[:1].lower() + message[1:]
    return {"at": at, "says": says}
