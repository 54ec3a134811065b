"""What the stage tells Prometheus: its answers, as a backend would count them."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest

METRICS = "/stage/metrics"
#: The widget's API, whose series are there before its first answer: a rate needs two samples.
KNOWN = ("/representation_management/v0/power_of_attorney",)
STATUSES = (200, 401, 500)


def count_answers(app: Flask) -> None:
    """Count every answer of an application, and tell at `METRICS`.

    By route, not by address: what browsers ask for must not make series without end.
    """
    registry = CollectorRegistry()
    answers = Counter("stage_responses", "Answers.", ("route", "status"), registry=registry)
    for route in KNOWN:
        for status in STATUSES:
            answers.labels(route, str(status))
    blueprint = Blueprint("metrics", __name__)

    @app.after_request
    def count(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else ""
        answers.labels(route, str(response.status_code)).inc()
        return response

    @blueprint.get(METRICS)
    def tell() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    app.register_blueprint(blueprint)
