"""/api/v1/circuits: the named switches that applications read, and the operator's two commands."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon.circuit import CircuitRefuses, CircuitState
from daemon.circuits import Circuit, Circuits
from daemon.web.acting import expect, signed, tagged
from daemon.web.answer import answer
from daemon.web.asks import ByName, Reasoned
from daemon.web.desk import current_desk
from daemon.web.problem import Refused, unknown
from daemon.web.views.circuit import (
    CircuitsView,
    CircuitView,
    circuit_etag,
    circuit_view,
    etag_of_circuit,
)

CIRCUITS = APIBlueprint(
    "circuits", __name__, url_prefix="/api/v1/circuits", abp_tags=[Tag(name="circuits")]
)


@CIRCUITS.get("", responses={200: CircuitsView})
def list_circuits() -> Response:
    """List every circuit."""
    views = tuple(circuit_view(each) for each in _circuits().states().values())
    return answer(CircuitsView(circuits=views))


@CIRCUITS.get("/<name>", responses={200: CircuitView})
def get_circuit(path: ByName) -> Response:
    """Show one circuit: what it is, since when, why, and what would change it."""
    found = _known(path.name)
    return tagged(answer(circuit_view(found), longest=None), circuit_etag(found))


@CIRCUITS.post("/<name>/open", responses={200: CircuitView})
def open_circuit(path: ByName, body: Reasoned) -> Response:
    """Open it and keep it open until you close it: applications use the fallback."""
    return _ask(path.name, True, body)


@CIRCUITS.post("/<name>/close", responses={200: CircuitView})
def close_circuit(path: ByName, body: Reasoned) -> Response:
    """Let go, for guards too: half-open, and its own probe closes or opens it."""
    return _ask(path.name, False, body)


def _ask(name: str, open_it: bool, body: Reasoned) -> Response:
    _known(name)

    def tag(state: CircuitState) -> str:
        return etag_of_circuit(name, state)

    try:
        check = expect(f"circuit {name}", tag)
        found = _circuits().ask(name, open_it, signed(body), check)
    except CircuitRefuses as cause:
        raise Refused(409, str(cause)) from cause
    return tagged(answer(circuit_view(found)), circuit_etag(found))


def _circuits() -> Circuits:
    return current_desk().engine.circuits


def _known(name: str) -> Circuit:
    states = _circuits().states()
    if name not in states:
        raise unknown("circuit", name, list(states))
    return states[name]
