"""The fault panel: its page and its small API. Nothing under `/stage/` ever suffers a fault."""

from __future__ import annotations

from typing import Any, Literal

from flask import Blueprint, Response, jsonify, render_template, request
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError, model_validator

from probes.stage.faults import DEFAULT_DELAY_S, MAX_DELAY_S, Area, Fault, FaultPanel
from probes.stage.people import PEOPLE, SIGN_IN_COOKIE
from probes.stage.problem import problem
from probes.stage.toggles import FALLBACK_FLAG, WIDGET_FLAG, ReadFlags
from probes.stage.va import WIDGET_PAGE
from probes.stage.visitors import refuse_strangers

KNOWN = [fault.value for fault in Fault]
AREA_TITLES = {Area.WIDGET: "Widget", Area.SITE: "Whole site", Area.ASSESSMENT: "Assessment"}


class FaultOrder(BaseModel):
    """Body of `POST /stage/fault`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: Fault
    on: StrictBool
    delay_s: float | None = Field(None, ge=0, le=MAX_DELAY_S, strict=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _delay_needs_a_slow_fault(self) -> FaultOrder:
        if self.delay_s is not None and not self.fault.is_slow:
            raise ValueError(f"delay_s is for slow faults; {self.fault} is not one")
        return self


def panel_blueprint(faults: FaultPanel, read_flags: ReadFlags) -> Blueprint:
    """Serve the panel; `read_flags` is asked anew each time, as for the pages."""
    blueprint = Blueprint("panel", __name__, url_prefix="/stage")

    blueprint.before_request(refuse_strangers)

    @blueprint.get("/")
    def page() -> str:
        groups: dict[str, list[Fault]] = {title: [] for title in AREA_TITLES.values()}
        for fault in Fault:
            groups[AREA_TITLES[fault.area]].append(fault)
        return render_template(
            "panel.html",
            groups=groups,
            people=list(PEOPLE),
            cookie=SIGN_IN_COOKIE,
            flags=(WIDGET_FLAG, FALLBACK_FLAG),
            widget_page=WIDGET_PAGE,
        )

    @blueprint.get("/fault")
    def states() -> Response:
        return jsonify({"faults": _states(faults)})

    @blueprint.post("/fault")
    def switch() -> Response:
        order = _read_order()
        if isinstance(order, Response):
            return order
        delay_s = DEFAULT_DELAY_S if order.delay_s is None else order.delay_s
        faults.switch(order.fault, order.on, delay_s)
        return jsonify({"faults": _states(faults)})

    @blueprint.post("/mend")
    def mend() -> Response:
        # An empty body is fine: there is nothing to say.
        if request.content_length and not request.is_json:
            return problem(415, "send JSON with Content-Type: application/json, or no body")
        faults.mend()
        return jsonify({"faults": _states(faults)})

    @blueprint.get("/flags")
    def flags() -> Response:
        values = read_flags(request.cookies.get("FLIPPER_ID"))
        return jsonify({"flags": dict(values)})

    return blueprint


def _read_order() -> FaultOrder | Response:
    if not request.is_json:
        return problem(415, "send JSON with Content-Type: application/json", known=KNOWN)
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        return problem(400, "the body must be a JSON object: fault, on", known=KNOWN)
    try:
        return FaultOrder.model_validate(body)
    except ValidationError as error:
        return problem(400, _first_wrong(error), known=KNOWN)


def _states(faults: FaultPanel) -> list[dict[Literal["name", "area", "on", "description"], Any]]:
    return [
        {
            "name": state.fault.value,
            "area": state.fault.area.value,
            "on": state.on,
            "description": state.fault.description,
        }
        for state in faults.states()
    ]


def _first_wrong(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
