"""Every form of the dashboard: the same request that the API takes, from a page.

One route for all, so that whatever a page can do the API does, with the same checks and the same
refusals. With `Accept: application/problem+json` (`live.js` sends it) a refusal comes as the API
says it; a plain form gets a page that says it, and holds what was typed.
"""

from __future__ import annotations

import json
from typing import Any, cast
from urllib.parse import quote

from flask import Blueprint, Response, current_app, flash, redirect, request
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response as WerkzeugResponse

from daemon.web.caller import HANDED, current_caller
from daemon.web.pages.page import local_path, render
from daemon.web.problem import MIME, Refused, answer_problem
from daemon.web.session import check_csrf

ACTS = Blueprint("page_acts", __name__)

#: Fields that are for this route; every other one goes into the body.
OURS = frozenset({"csrf_token", "back", "idempotency_key", "if_match", "method"})
METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
#: Fields that nobody typed: not to be shown on the page of a refusal.
JSON_FIELD = "json:"

#: What a person is told when an act was done, by the last part of its path.
SAYS = {
    "trip": "Killed.",
    "reset": "Reset.",
    "hold": "Held.",
    "release": "Released.",
    "run": "Started.",
    "drill": "The drill is under way.",
    "mode": "The mode is set.",
    "open": "Opened.",
    "close": "Let go: half-open, and its own probe decides.",
    "pause": "Paused.",
    "resume": "Resumed.",
    "acknowledge": "Acknowledged.",
    "note": "Noted.",
    "severity": "The severity is set.",
    "resolve": "Resolved.",
    "baseline": "These violations are accepted: only others are new from now on.",
}


@ACTS.post("/acts/<path:path>")
def act(path: str) -> WerkzeugResponse:
    """Ask the API for what a form says: 303 back to its page, or a page that says why not."""
    form = request.form
    back = local_path(form.get("back", "/"))
    answer = _unfit() or _ask(path)
    if answer.status_code < 400:
        flash(f"{SAYS.get(path.rstrip('/').rpartition('/')[2], 'Done.')} It is in the audit.")
        return redirect(back, 303)
    if MIME in request.headers.get("Accept", ""):
        return answer
    return _refusal(answer, back)


def _unfit() -> Response | None:
    """Refuse a form that no page of ours made, or that the API could not read."""
    try:
        check_csrf(request.form.get("csrf_token"))
        if request.form.get("method", "POST") not in METHODS:
            raise Refused(400, f"method: must be one of {', '.join(sorted(METHODS))}")
        _body()
    except Refused as cause:
        return answer_problem(cause.status, cause.detail)
    return None


def _body() -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name, value in request.form.items():
        if name in OURS or not value.strip():
            continue
        if not name.startswith(JSON_FIELD):
            body[name] = value
            continue
        try:
            body[name.removeprefix(JSON_FIELD)] = json.loads(value)
        except (ValueError, RecursionError):
            name = name.removeprefix(JSON_FIELD)
            raise Refused(
                422, f"{name}: is not JSON: reload the page, then send it again"
            ) from None
    return body


def _ask(path: str) -> Response:
    """Send the request through the whole app again, as the caller of the page."""
    form = request.form
    headers = Headers({"Host": request.host})
    if form.get("if_match"):
        headers["If-Match"] = form["if_match"]
    if form.get("idempotency_key"):
        headers["Idempotency-Key"] = form["idempotency_key"]
    builder = EnvironBuilder(
        # It came decoded, and would be taken apart at a `?` or `#`, and decoded once more.
        path=quote(f"/api/v1/{path}"),
        method=form.get("method", "POST"),
        headers=headers,
        json=_body(),
        environ_base={
            HANDED: current_caller(),
            "REMOTE_ADDR": request.remote_addr or "",
            "wsgi.url_scheme": request.scheme,
        },
    )
    try:
        environ = builder.get_environ()
    finally:
        builder.close()
    answer = Response.from_app(current_app.wsgi_app, environ, buffered=True)
    return cast(Response, answer)


def _refusal(answer: Response, back: str) -> Response:
    problem = answer.get_json(silent=True) or {}
    hidden = (*OURS, "by")
    typed = {
        name: value
        for name, value in request.form.items()
        if name not in hidden and not name.startswith(JSON_FIELD) and value.strip()
    }
    page = render(
        "problem.html",
        answer.status_code,
        title=problem.get("title", "Not done"),
        detail=problem.get("detail", "the request cannot be served"),
        back=back,
        back_says="Look again" if answer.status_code in (409, 412) else "Go back and try again",
        typed=typed,
    )
    for name in ("Retry-After", "Allow"):
        if name in answer.headers:
            page.headers[name] = answer.headers[name]
    return page
