"""The dashboard's page. It holds no data: its script asks the API, with a token if need be."""

from __future__ import annotations

from importlib.metadata import version

from flask import Blueprint, Response, make_response, render_template

PAGES = Blueprint("pages", __name__)

#: Nothing from outside, nothing inline, no framing; and text can never become markup, because the
#: browser itself then refuses every assignment that would parse HTML.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)


@PAGES.get("/")
def dashboard() -> Response:
    """The page for the person on call."""
    page = make_response(render_template("dashboard.html", version=version("tripflag")))
    page.headers["Content-Security-Policy"] = POLICY
    return page
