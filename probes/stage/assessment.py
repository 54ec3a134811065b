"""The assessment app: one page for all six steps, and its JSON API."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from probes.stage.assessment_desk import QUESTIONS, Answers, Desk, DeskError, read_answers
from probes.stage.faults import Fault, FaultPanel
from probes.stage.problem import problem

STEPS = ("start", "questions", "review", "submit", "result")
API = "/assessment/api"


def assessment_blueprint(faults: FaultPanel) -> Blueprint:
    """Serve the page under each step's address, and the API below `/assessment/api/`."""
    blueprint = Blueprint("assessment", __name__)
    _serve_api(blueprint, faults, Desk())

    @blueprint.get("/assessment/")
    @blueprint.get("/assessment/<any(" + ", ".join(STEPS) + "):step>")
    def page(step: str = "landing") -> str:
        return render_template("assessment.html", step=step)

    @blueprint.before_request
    def api_fault() -> Response | None:
        if request.path.startswith(API + "/") and faults.is_on(Fault.ASSESSMENT_API_500):
            return problem(500, Fault.ASSESSMENT_API_500.description)
        return None

    @blueprint.errorhandler(DeskError)
    def refuse(error: DeskError) -> Response:
        return problem(error.status, error.detail)

    return blueprint


def _serve_api(blueprint: Blueprint, faults: FaultPanel, desk: Desk) -> None:
    @blueprint.post(API + "/sessions")
    def open_session() -> tuple[Response, int]:
        body = _json_body()
        if not isinstance(body, dict) or body.get("privacy_notice_read") is not True:
            raise DeskError(422, "privacy_notice_read must be true")
        return jsonify({"id": desk.open().id}), 201

    @blueprint.get(API + "/questions")
    def questions() -> Response:
        return jsonify({"questions": QUESTIONS})

    @blueprint.get(API + "/sessions/<session_id>/answers")
    def stored_answers(session_id: str) -> Response:
        return jsonify({"answers": desk.find(session_id).answers.to_json()})

    @blueprint.put(API + "/sessions/<session_id>/answers")
    def save_answers(session_id: str) -> Response:
        answers = read_answers(_json_body())
        lost = faults.is_on(Fault.ASSESSMENT_LOSES_DATA)
        desk.save(session_id, Answers() if lost else answers)
        return jsonify({"saved": True, "answers": answers.to_json()})

    @blueprint.post(API + "/sessions/<session_id>/submit")
    def submit(session_id: str) -> Response:
        session = desk.find(session_id)
        if faults.is_on(Fault.ASSESSMENT_LOSES_DATA) and session.saved and not session.reference:
            desk.save(session_id, Answers())
        return jsonify({"submitted": True, "reference": desk.submit(session_id).reference})

    @blueprint.get(API + "/sessions/<session_id>/result")
    def result(session_id: str) -> Response:
        session = desk.find_submitted(session_id)
        return jsonify({"reference": session.reference, "answers": session.answers.to_json()})


def _json_body() -> Any:
    if not request.is_json:
        raise DeskError(415, "send JSON with Content-Type: application/json")
    body = request.get_json(silent=True)
    if body is None:
        raise DeskError(400, "the body is not valid JSON")
    return body
