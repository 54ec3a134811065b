"""A page to try the API, from its own description; and one about each kind of problem."""

from __future__ import annotations

from flask import Blueprint, Response

from daemon.web.kinds import KINDS
from daemon.web.pages.page import render
from daemon.web.problem import Refused

API = Blueprint("page_api", __name__)

#: Swagger UI makes its own markup and styles as it goes: no Trusted Types here, and images from
#: data. Scripts still come from us alone, as files, and styles in markup are refused.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


@API.get("/api")
def try_it() -> Response:
    """Every operation, and a form to send it."""
    page = render("api.html")
    page.headers["Content-Security-Policy"] = POLICY
    return page


@API.get("/problems/<name>")
def problem_kind(name: str) -> Response:
    """What a kind of problem means, and what to do; for whoever met one, without a token."""
    if name not in KINDS:
        raise Refused(404, f"no problem has that name: {', '.join(KINDS)}", known=list(KINDS))
    return render("kind.html", kind=KINDS[name])
