"""The stage as one Flask application."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, abort, redirect, request, send_from_directory
from flask import render_template as render
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from probes.stage.assessment import API as ASSESSMENT_API
from probes.stage.assessment import assessment_blueprint
from probes.stage.faults import Fault, FaultPanel
from probes.stage.hostile import HOSTILE, hostile_blueprint
from probes.stage.metrics import count_answers
from probes.stage.panel import panel_blueprint
from probes.stage.problem import problem, va_errors
from probes.stage.toggles import ReadFlags, toggles_blueprint
from probes.stage.va import page_fault, site_fault, va_blueprint

STATIC = Path(__file__).parent / "static"
MAX_BODY_BYTES = 64 * 1024
PANEL = "/stage/"
VA_APIS = ("/v0/", "/representation_management/")

# A fault in the front end is a bad deployment: the same address serves another file, or none.
BAD_BUILDS: dict[str, dict[Fault, str | None]] = {
    "representative-status.entry.js": {Fault.SCRIPT_404: None},
    "representative-status.chunk.js": {Fault.SCRIPT_THROWS: "representative-status.throws.js"},
    "representative-status.gate.js": {Fault.WIDGET_UNGATED: "representative-status.gate-open.js"},
    "representative-status.views.js": {Fault.DRAW_THROWS: "representative-status.views-throw.js"},
    "representative-status.words.js": {
        Fault.WIDGET_WRONG_CONTENT: "representative-status.words-lost.js"
    },
    "representative-status.polish.js": {
        Fault.DRAW_SLOW: "representative-status.polish-slow.js",
        Fault.DRAW_SHIFTS: "representative-status.polish-shifts.js",
        Fault.DRAW_UNNAMED_IMAGE: "representative-status.polish-image.js",
        Fault.DRAW_LOGS_ERROR: "representative-status.polish-logs.js",
    },
    "assessment-review-button.js": {
        Fault.ASSESSMENT_STEP_STUCK: "assessment-review-button-stuck.js"
    },
    "assessment-fallback.js": {Fault.ASSESSMENT_FALLBACK_BROKEN: "assessment-fallback-no-form.js"},
}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # A fault or a mended file must show at the very next load.
    "Cache-Control": "no-store",
}


def create_app(read_flags: ReadFlags) -> Flask:
    """Build the stage.

    Args:
        read_flags: takes the browser's cookie_id (None: it sent none) and returns every flag's
            value for it. Asked at each toggle request and never cached; if it raises, the answer
            is a 500.

    Returns:
        The application; its faults are `faults_of(app)`.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    faults = app.extensions["stage_faults"] = FaultPanel()

    @app.before_request
    def suffer() -> Response | None:
        if request.path.startswith(PANEL):
            return None
        return site_fault(faults) or (page_fault(faults) if _is_page(request.path) else None)

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers.update(HEADERS)
        if request.path.startswith(HOSTILE):
            del response.headers["Content-Security-Policy"]  # a hostile site has none
        if request.path.startswith(VA_APIS):
            response.headers["X-CSRF-Token"] = "stage-token"
        return response

    @app.get("/")
    def home() -> AnyResponse:
        return redirect(PANEL)

    @app.get("/assets/<name>")
    def asset(name: str) -> Response:
        builds = BAD_BUILDS.get(name, {})
        served = next((bad for fault, bad in builds.items() if faults.is_on(fault)), name)
        if served is None:
            abort(404)
        return send_from_directory(STATIC, served)

    @app.get(PANEL + "assets/<name>")
    def panel_asset(name: str) -> Response:
        return send_from_directory(STATIC, name)

    app.register_error_handler(HTTPException, _say_error)
    app.register_blueprint(panel_blueprint(faults, read_flags))
    app.register_blueprint(hostile_blueprint(read_flags))
    app.register_blueprint(toggles_blueprint(faults, read_flags))
    app.register_blueprint(va_blueprint(faults))
    app.register_blueprint(assessment_blueprint(faults))
    count_answers(app)
    return app


def faults_of(app: Flask) -> FaultPanel:
    """Return the panel that says what is broken on this stage."""
    panel: FaultPanel = app.extensions["stage_faults"]
    return panel


def _is_page(path: str) -> bool:
    return not path.startswith((*VA_APIS, ASSESSMENT_API + "/", "/assets/"))


def _say_error(error: HTTPException) -> AnyResponse:
    code = error.code or 500
    if code < 400:
        return error.get_response()
    detail = error.description or error.name
    if request.path.startswith((PANEL, ASSESSMENT_API + "/")):
        return problem(code, detail)
    if request.path.startswith(VA_APIS):
        return va_errors(code, detail)
    page = render("trouble.html", code=code, name=error.name)
    return Response(page, status=code, mimetype="text/html")
