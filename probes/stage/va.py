"""The stand-in VA.gov: pages, the signed-in user, and the widget's API."""

from __future__ import annotations

from flask import Blueprint, Response, abort, jsonify, render_template, request

from probes.stage.faults import Fault, FaultPanel
from probes.stage.inflection import camelize_keys
from probes.stage.people import PEOPLE, SIGN_IN_COOKIE, Person, somebody_else
from probes.stage.presence import client_gone, reset
from probes.stage.problem import garbage, va_errors

WIDGET_PAGE = "/get-help-from-accredited-representative/"

ARTICLES = {
    "health-care": (
        "Health care",
        "Find out which care you can get, how to apply, and how to reach a clinic near you.",
    ),
    "disability": (
        "Disability",
        "Learn how to file a claim, which evidence helps, and what happens after you file.",
    ),
    "contact-us": (
        "Contact us",
        "Call, write or visit. Lines are open on weekdays from morning to evening.",
    ),
}


def va_blueprint(faults: FaultPanel) -> Blueprint:
    """Serve the pages and the APIs that a signed-in browser calls."""
    blueprint = Blueprint("va", __name__)

    @blueprint.get(WIDGET_PAGE)
    def get_help() -> str:
        return render_template("get_help.html")

    @blueprint.get("/<any(" + ", ".join(f"'{name}'" for name in ARTICLES) + "):name>/")
    def article(name: str) -> str:
        title, text = ARTICLES[name]
        return render_template("article.html", title=title, text=text)

    @blueprint.get("/v0/user")
    def user() -> Response:
        person = _signed_in()
        if person is None:
            return va_errors(401, "Nobody is signed in.")
        profile = {"first_name": person.first_name, "loa": {"current": 3}}
        return jsonify(
            {"data": {"id": "", "type": "user", "attributes": camelize_keys({"profile": profile})}}
        )

    @blueprint.get("/representation_management/v0/power_of_attorney")
    def power_of_attorney() -> Response:
        broken = _widget_api_fault(faults)
        if broken is not None:
            return broken
        person = _signed_in()
        if person is None:
            return va_errors(401, "Nobody is signed in.")
        wrong = faults.is_on(Fault.API_WRONG_PERSON)
        data = somebody_else(person) if wrong else person.power_of_attorney
        if request.headers.get("X-Key-Inflection", "").lower() == "camel":
            data = camelize_keys(data)
        return jsonify({"data": data})

    return blueprint


def _widget_api_fault(faults: FaultPanel) -> Response | None:
    gone = client_gone()
    if not faults.hang(Fault.API_HANG, gone):
        return va_errors(504, "The answer took too long.")
    faults.delay(Fault.API_SLOW, gone)
    if faults.is_on(Fault.API_RESET):
        return reset()
    for fault, status in (
        (Fault.API_500, 500),
        (Fault.API_FLAKY, 500),
        (Fault.API_COIN, 500),
        (Fault.API_401, 401),
        (Fault.API_403, 403),
        (Fault.API_422, 422),
    ):
        if faults.strikes(fault):
            return va_errors(status, fault.description)
    return garbage() if faults.is_on(Fault.API_GARBAGE) else None


def _signed_in() -> Person | None:
    return PEOPLE.get(request.cookies.get(SIGN_IN_COOKIE, ""))


def page_fault(faults: FaultPanel) -> Response | None:
    """Return what a page's visitor gets instead of the page, if a fault says so."""
    if faults.is_on(Fault.PAGE_BLANK):
        return Response("", status=200, mimetype="text/html")
    if faults.is_on(Fault.PAGE_WRONG_CONTENT):
        return Response(render_template("maintenance.html"), status=200, mimetype="text/html")
    return None


def site_fault(faults: FaultPanel) -> Response | None:
    """Return what every request outside the fault panel gets, if the whole site is broken."""
    if not faults.hang(Fault.SITE_HANG, client_gone()):
        return Response("", status=504)
    if faults.is_on(Fault.SITE_RESET):
        return reset()
    if faults.is_on(Fault.SITE_502):
        abort(502)
    if faults.is_on(Fault.SITE_500):
        abort(500)
    return None
