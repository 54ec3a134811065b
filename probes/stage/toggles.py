"""`/v0/feature_toggles`, in the JSON shape of the real one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from flask import Blueprint, Response, jsonify, request

from probes.stage.faults import Fault, FaultPanel
from probes.stage.inflection import camelize
from probes.stage.presence import client_gone
from probes.stage.problem import garbage, va_errors

ReadFlags = Callable[[str | None], Mapping[str, bool]]

WIDGET_FLAG = "representative_status_enabled"
FALLBACK_FLAG = "assessment_fallback_enabled"
# Browsers whose last answer is kept; a real cache has its bound too.
REMEMBERED = 500


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


class LastAnswers:
    """The flags as each browser was last told them, for any number of threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._told: OrderedDict[str | None, dict[str, bool]] = OrderedDict()

    def stale(self, cookie_id: str | None) -> dict[str, bool] | None:
        """Return what a browser was told before, None where it asks for the first time."""
        with self._lock:
            return self._told.get(cookie_id)

    def keep(self, cookie_id: str | None, flags: dict[str, bool]) -> None:
        """Remember what a browser is told; the oldest make room."""
        with self._lock:
            self._told[cookie_id] = flags
            self._told.move_to_end(cookie_id)
            while len(self._told) > REMEMBERED:
                self._told.popitem(last=False)


def toggles_blueprint(faults: FaultPanel, read_flags: ReadFlags) -> Blueprint:
    """Serve toggles read anew for each request, and the faults of the toggle service."""
    blueprint = Blueprint("toggles", __name__)
    last = LastAnswers()

    @blueprint.get("/v0/feature_toggles")
    def feature_toggles() -> Response:
        faults.delay(Fault.TOGGLES_SLOW, client_gone())
        if faults.is_on(Fault.TOGGLES_500):
            return va_errors(500, "The toggles could not be read.")
        if faults.is_on(Fault.TOGGLES_GARBAGE):
            return garbage()
        browser = request.args.get("cookie_id")
        stale = last.stale(browser) if faults.is_on(Fault.TOGGLES_STALE) else None
        flags = dict(read_flags(browser)) if stale is None else dict(stale)
        last.keep(browser, dict(flags))
        if faults.is_on(Fault.TOGGLES_MISSING_FLAG):
            flags.pop(WIDGET_FLAG, None)
        asked = request.args.get("features")
        if asked is None:
            features = full_list(flags)
        else:
            features = asked_list(flags, [name for name in asked.split(",") if name])
        return jsonify({"data": {"type": "feature_toggles", "features": features}})

    return blueprint
