"""`/v0/feature_toggles`, in the JSON shape of the real one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, request

from probes.stage.faults import Fault, FaultPanel
from probes.stage.inflection import camelize
from probes.stage.presence import client_gone
from probes.stage.problem import garbage, va_errors

ReadFlags = Callable[[str | None], Mapping[str, bool]]

WIDGET_FLAG = "representative_status_enabled"
FALLBACK_FLAG = "assessment_fallback_enabled"


def full_list(flags: Mapping[str, bool]) -> list[dict[str, Any]]:
    """List each flag twice, camelCase first, as vets-api does when no name is asked for."""
    return [
        {"name": spelling, "value": value}
        for name, value in flags.items()
        for spelling in (camelize(name), name)
    ]


def asked_list(flags: Mapping[str, bool], names: list[str]) -> list[dict[str, Any]]:
    """List one entry per name exactly as it was asked for; an unknown name is false."""
    by_spelling = {camelize(name): value for name, value in flags.items()} | dict(flags)
    return [{"name": name, "value": by_spelling.get(name, False)} for name in names]


def toggles_blueprint(faults: FaultPanel, read_flags: ReadFlags) -> Blueprint:
    """Serve toggles read anew for each request, and the faults of the toggle service."""
    blueprint = Blueprint("toggles", __name__)

    @blueprint.get("/v0/feature_toggles")
    def feature_toggles() -> Response:
        faults.delay(Fault.TOGGLES_SLOW, client_gone())
        if faults.is_on(Fault.TOGGLES_500):
            return va_errors(500, "The toggles could not be read.")
        if faults.is_on(Fault.TOGGLES_GARBAGE):
            return garbage()
        flags = dict(read_flags(request.args.get("cookie_id")))
        if faults.is_on(Fault.TOGGLES_MISSING_FLAG):
            flags.pop(WIDGET_FLAG, None)
        asked = request.args.get("features")
        if asked is None:
            features = full_list(flags)
        else:
            features = asked_list(flags, [name for name in asked.split(",") if name])
        return jsonify({"data": {"type": "feature_toggles", "features": features}})

    return blueprint
