"""The Flask app: routes, checks before them, headers after them."""

from __future__ import annotations

import json
from importlib.metadata import version

from flask import Response, request
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from daemon.web import acting, assets, auth, problem, session
from daemon.web.api.audit import AUDIT
from daemon.web.api.circuits import CIRCUITS
from daemon.web.api.config import CONFIG
from daemon.web.api.drills import DRILLS
from daemon.web.api.events import EVENTS
from daemon.web.api.events import register as register_events
from daemon.web.api.explain import EXPLAIN
from daemon.web.api.flags import FLAGS
from daemon.web.api.guards import GUARDS
from daemon.web.api.incidents import FLIPS, INCIDENTS
from daemon.web.api.overview import overview_blueprint
from daemon.web.api.probes import PROBES
from daemon.web.api.runs import RUNS
from daemon.web.api.timeline import TIMELINE
from daemon.web.api.tokens import TOKENS
from daemon.web.description import describe
from daemon.web.desk import Desk, lend
from daemon.web.health import DOCUMENT, HEALTH
from daemon.web.pages import PAGES, page
from daemon.web.views.flag import FlagsLately
from flags.ofrep import ofrep_blueprint
from flags.toggles import toggles_blueprint

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


def create_app(desk: Desk) -> OpenAPI:
    """Build the admin API, the dashboard, and what monitors ask for.

    Everything that it shows or does goes through `desk`; only the key that signs sessions is
    read before the first request.
    """
    app = OpenAPI(
        __name__,
        info=Info(title="Tripflag", version=version("tripflag")),
        validation_error_callback=problem.invalid,
        validation_error_model=problem.Problem,
        # Its pages would load from a CDN, or from packages that are not ours to ship.
        doc_ui=False,
        static_url_path=assets.static_path(),
    )
    app.config["MAX_CONTENT_LENGTH"] = problem.BODY_LIMIT
    lend(app, desk)
    session.register(app, desk)
    auth.register(app)
    acting.register(app)
    register_events(app)
    page.register(app)
    problem.register(app)
    app.after_request(_harden)
    assets.require()
    app.register_blueprint(assets.ASSETS)
    app.register_blueprint(HEALTH)
    for each in PAGES:
        app.register_blueprint(each)
    overview = overview_blueprint(FlagsLately(desk.switch))
    for blueprint in (
        GUARDS,
        EXPLAIN,
        TIMELINE,
        CIRCUITS,
        DRILLS,
        PROBES,
        RUNS,
        FLAGS,
        INCIDENTS,
        FLIPS,
        AUDIT,
        TOKENS,
        CONFIG,
        EVENTS,
        overview,
    ):
        app.register_api(blueprint)
    web = desk.config.web
    if web.serve_flags:
        mirror = desk.engine.mirror
        app.register_blueprint(ofrep_blueprint(mirror, web.flag_origins))
        app.register_blueprint(toggles_blueprint(mirror, web.flag_origins))
    here = web.public_url or "/"
    # Made here, because making it is not safe in several threads at once.
    app.extensions[DOCUMENT] = json.dumps(describe(app, [{"url": here}]))
    return app


def _harden(sent: Response) -> Response:
    # Werkzeug looks through all headers for each name: once for all is a tenth of an answer's time.
    there = {name.lower() for name, _ in sent.headers}
    for name, value in _HEADERS.items():
        if name.lower() not in there:
            sent.headers.add(name, value)
    if request.endpoint == "static" and sent.status_code in (200, 304):
        sent.headers["Cache-Control"] = assets.KEPT
    return sent
