"""What every page shares: its frame, its policy, and where it stands in the site."""

from __future__ import annotations

from http import HTTPStatus
from importlib.metadata import version
from urllib.parse import urlsplit
from uuid import uuid4

from flask import Flask, Response, make_response, render_template
from flask_wtf.csrf import generate_csrf
from jinja2 import StrictUndefined

from daemon.engine import utc_now
from daemon.web.caller import current_caller
from daemon.web.desk import current_desk
from daemon.web.place import here
from daemon.web.problem import PAGE
from daemon.web.wording import FILTERS

#: Nothing from outside, nothing inline, no framing; and text becomes markup only through the one
#: policy of `live.js`, because the browser itself refuses every other assignment that parses HTML.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types tripflag",
    )
)


def render(template: str, status: int = 200, **context: object) -> Response:
    """Render a page below `templates/`; everything in it is escaped by Jinja.

    Every template also gets `user` (a `Caller`; None: not signed in), `now` (aware UTC),
    `version` and `config` (in force).
    """
    page = make_response(
        render_template(
            template,
            user=current_caller(),
            now=utc_now(),
            version=version("tripflag"),
            config=current_desk().config,
            **context,
        ),
        status,
    )
    page.headers["Content-Security-Policy"] = POLICY
    # With `no-referrer` a browser posts a plain form with `Origin: null`, as a page of nobody's.
    page.headers["Referrer-Policy"] = "same-origin"
    return page


def problem_page(status: int, detail: str) -> Response:
    """Say on a page what the API would say in a problem: what is wrong, and the remedy."""
    return render("problem.html", status, title=HTTPStatus(status).phrase, detail=detail)


def local_path(text: str) -> str:
    """Return `text` where it is a path of this site, else `/`.

    A browser reads `//host`, `/\\host` and paths with control characters in them as other places.
    """
    plain = text.isprintable() and "\\" not in text
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    here = text.startswith("/") and not text.startswith("//") and not parts.netloc
    return text if here and plain and not parts.scheme else "/"


def register(app: Flask) -> None:
    """Give templates their filters, forms their keys, and errors of pages their page."""
    app.extensions[PAGE] = problem_page
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.globals.update(
        csrf_token=generate_csrf, fresh_key=lambda: str(uuid4()), here=here
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    # A name that a template misspells must fail a test, not show nothing at 03:00.
    app.jinja_env.undefined = StrictUndefined
