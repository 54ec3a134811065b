"""For machines, without a token: liveness, readiness, metrics, and the API's description."""

from __future__ import annotations

import json
from http import HTTPStatus

from flask import Blueprint, Response, current_app
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from daemon.web.desk import current_desk

HEALTH = Blueprint("health", __name__)

#: Key of `app.extensions` under which the API's description waits, as JSON.
DOCUMENT = "tripflag_openapi"


@HEALTH.get("/healthz")
def healthz() -> Response:
    """200 while the daemon's threads are alive; else a supervisor should restart it."""
    alive = current_desk().alive()
    return _json({"alive": alive}, HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE)


@HEALTH.get("/readyz")
def readyz() -> Response:
    """200 when guards can act; else what keeps them from it, by part."""
    problems = dict(current_desk().problems())
    ready = not problems
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return _json({"ready": ready, "problems": problems}, status)


@HEALTH.get("/metrics")
def metrics() -> Response:
    """Every series, in Prometheus' text format."""
    shown = current_desk().engine.metrics.exposition()
    return Response(shown, content_type=CONTENT_TYPE_PLAIN_0_0_4)


@HEALTH.get("/openapi/openapi.json")
def spec() -> Response:
    """The API's description."""
    return Response(current_app.extensions[DOCUMENT], mimetype="application/json")


def _json(document: object, status: HTTPStatus) -> Response:
    return Response(json.dumps(document), status=status, mimetype="application/json")
