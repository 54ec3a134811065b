"""Signing in with a token, and out."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as WerkzeugResponse

from daemon.engine import utc_now
from daemon.web import session
from daemon.web.auth import caller_of, is_open
from daemon.web.desk import current_desk
from daemon.web.pages.page import local_path, render
from daemon.web.problem import Refused

SIGN_IN = Blueprint("page_sign_in", __name__)


@SIGN_IN.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> WerkzeugResponse:
    """Ask for a token; 303 to where the visitor wanted to go once it is right."""
    to = _next()
    if is_open(current_desk().config.web.tokens):  # nobody has a token to sign in with
        return redirect(to, 303)
    if request.method != "POST":
        return _form(to)
    try:
        session.check_csrf(request.form.get("csrf_token"))
        token = request.form.get("token", "").strip()
        if not token:
            raise Refused(422, "paste your token: `tripflag token create` printed it once")
        caller = caller_of(token.encode(errors="replace"))
    except Refused as cause:
        page = _form(to, cause.status, cause.detail)
        page.headers.extend(cause.headers)
        return page
    session.sign_in(caller, utc_now())
    return redirect(to, 303)


@SIGN_IN.post("/sign-out")
def sign_out() -> WerkzeugResponse:
    """End the session."""
    session.sign_out(utc_now())
    return redirect("/sign-in", 303)


def _next() -> str:
    to = local_path(request.values.get("next", "/"))
    return "/" if to.startswith("/sign-") else to


def _form(to: str, status: int = 200, problem: str = "") -> Response:
    return render("sign_in.html", status, to=to, problem=problem)
