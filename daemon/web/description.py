"""The API's description: OpenAPI 3.1, made from the code, with what every operation shares."""

from __future__ import annotations

import copy
from typing import Any

from flask_openapi3.openapi import OpenAPI

from daemon.web.kinds import kind_of
from daemon.web.problem import BODY_LIMIT, MIME

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ABOUT = """\
Everything that the dashboard and the command line do. Times are UTC; durations carry their unit in
their name. Lists come newest first, `limit` at a time; `next` of a page is the `cursor` of the page
after it. An act may carry `If-Match` with the ETag that you decided upon: if it has changed since,
the answer is 412 and nothing was written. An act with an `Idempotency-Key` is done once, however
often it is sent. Errors are `application/problem+json`; their `type` leads to a page about them."""

_WRITES = frozenset({"post", "put", "patch", "delete"})
#: What checks before every view may answer.
_CHECKS = (401, 403, 429)
_BODY = (400, 413, 415, 422)
#: The flag store or the journal does not answer.
_AWAY = 503

_REQUEST_ID = {
    "description": "Id of the request: the client's, or one of ours. It is in the audit too.",
    "schema": {"type": "string"},
}
_ETAG = {
    "description": "Of what an operator decides upon; goes into If-Match.",
    "schema": {"type": "string"},
}
_RETRY_AFTER = {
    "description": "Seconds after which to ask again.",
    "schema": {"type": "integer", "minimum": 0},
}
_REPLAYED = {
    "description": "`true`: this is the answer that the first request with the key was given.",
    "schema": {"type": "string"},
}


def _header(name: str, says: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": says, "schema": schema}


_TAG = r'(W/)?"[!#-~]*"'
_TAGS = {"type": "string", "pattern": rf"^(\*|{_TAG}( *, *{_TAG})*)$"}
_IF_MATCH = _header(
    "If-Match", "ETag that you decided upon; 412 where it is another by now.", _TAGS
)
_IF_NONE_MATCH = _header("If-None-Match", "ETag that you have; 304 where it is still this.", _TAGS)
_IDEMPOTENCY_KEY = _header(
    "Idempotency-Key",
    "The act is done once for each key, for a day; send a new UUID with each act.",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
)
_SEND_ID = _header("X-Request-ID", "Your own id of the request, for the audit.", {"type": "string"})


def describe(app: OpenAPI, servers: list[dict[str, str]]) -> dict[str, Any]:
    """Return the description of everything registered so far; the app itself is not changed."""
    document = copy.deepcopy(app.api_doc)
    document["info"]["description"] = _ABOUT
    document["jsonSchemaDialect"] = DIALECT
    document["servers"] = servers
    document["security"] = [{"token": []}, {"session": []}]
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "See `tripflag token`."},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": app.config["SESSION_COOKIE_NAME"],
            "description": "From signing in on the dashboard; acts also need `X-CSRF-Token`.",
        },
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(path, method, operation)
    return document


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    parameters = operation.setdefault("parameters", [])
    for each in parameters:
        _without_null(each["schema"])
    asks = any(each["in"] == "query" for each in parameters)
    named = "{" in path
    responses = operation["responses"]
    tagged = "304" in responses or (method in _WRITES and named)
    if method in _WRITES:
        parameters += [_IDEMPOTENCY_KEY, _SEND_ID, *([_IF_MATCH] if named else [])]
    elif tagged:
        parameters.append(_IF_NONE_MATCH)
    statuses = {*_CHECKS, _AWAY, *((404,) if named else ()), *((422,) if asks else ())}
    if method in _WRITES:
        statuses |= {*_BODY, 409, *((412,) if named else ())}
    # What flask-openapi3 adds to every operation is an array, and not ours.
    responses.pop("422", None)
    for status in sorted(statuses | {int(key) for key in responses if key >= "400"}):
        responses[str(status)] = _problem(status)
    for status, response in responses.items():
        _add_headers(response, int(status), method, tagged)
    operation["responses"] = dict(sorted(responses.items()))


def _problem(status: int) -> dict[str, Any]:
    kind = kind_of(status)
    limit = f" The limit is {BODY_LIMIT} bytes." if status == 413 else ""
    return {
        "description": f"{kind.title}. {kind.means}{limit}",
        "content": {MIME: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _add_headers(response: dict[str, Any], status: int, method: str, tagged: bool) -> None:
    headers = response.setdefault("headers", {})
    headers["X-Request-ID"] = _REQUEST_ID
    if tagged and status < 400:
        headers["ETag"] = _ETAG
    if method in _WRITES and status < 500:
        headers["Idempotency-Replayed"] = _REPLAYED
    if status in (429, 503):
        headers["Retry-After"] = _RETRY_AFTER


def _without_null(schema: dict[str, Any]) -> None:
    """A parameter is sent or left out: there is no way to send a null in a URL."""
    if schema.get("default", 0) is None:
        del schema["default"]
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == 1:
        del schema["anyOf"]
        for key, value in choices[0].items():
            schema.setdefault(key, value)
