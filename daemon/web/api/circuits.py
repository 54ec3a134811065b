"""/api/v1/circuits: the named switches that applications read, and the operator's two commands."""

from __future__ import annotations

from datetime import datetime

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon.circuit import CircuitPhase, CircuitRefuses, next_change_at, observed, pass_time, phase
from daemon.circuits import Circuit, Circuits, flag_name
from daemon.engine import utc_now
from daemon.web.answer import View, answer
from daemon.web.asks import ByName, Reasoned
from daemon.web.desk import current_desk
from daemon.web.problem import Refused, unknown

CIRCUITS = APIBlueprint(
    "circuits", __name__, url_prefix="/api/v1/circuits", abp_tags=[Tag(name="circuits")]
)


class Keeper(View):
    """Who keeps a circuit open; `guard`: it is a guard, not a person."""

    by: str
    guard: bool
    reason: str
    at: datetime


class CircuitView(View):
    """`go_round`: applications use the fallback; `flag` tells them so. `since`: None: it never
    changed. `failure_share`: of the `runs` that count now, None where none does; while half-open,
    `runs` are passes towards `close_passes`. `next_change_at`: half-open then, by time alone.
    """

    name: str
    phase: CircuitPhase
    go_round: bool
    flag: str
    since: datetime | None
    why: str
    probe: str
    failure_share: float | None
    threshold: float
    runs: int
    min_runs: int
    close_passes: int
    kept_open_by: tuple[Keeper, ...]
    next_change_at: datetime | None
    openings: int


class CircuitsView(View):
    circuits: tuple[CircuitView, ...]


@CIRCUITS.get("", responses={200: CircuitsView})
def list_circuits() -> Response:
    """List every circuit."""
    views = tuple(_view(each) for each in _circuits().states().values())
    return answer(CircuitsView(circuits=views))


@CIRCUITS.get("/<name>", responses={200: CircuitView})
def get_circuit(path: ByName) -> Response:
    """Show one circuit: what it is, since when, why, and what would change it."""
    return answer(_view(_known(path.name)), longest=None)


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
    try:
        return answer(_view(_circuits().ask(name, open_it, body.by, body.reason)))
    except CircuitRefuses as cause:
        raise Refused(409, str(cause)) from cause


def _circuits() -> Circuits:
    return current_desk().engine.circuits


def _known(name: str) -> Circuit:
    states = _circuits().states()
    if name not in states:
        raise unknown("circuit", name, list(states))
    return states[name]


def _view(circuit: Circuit) -> CircuitView:
    spec, now = circuit.spec, utc_now()
    state, _ = pass_time(spec, circuit.state, now)
    label, seen = phase(spec, state, now), observed(spec, state, now)
    return CircuitView(
        name=spec.name,
        phase=label,
        go_round=label.go_round,
        flag=flag_name(spec.name),
        since=state.since,
        why=state.why or "closed: nothing ever opened it",
        probe=spec.probe,
        failure_share=seen.share,
        threshold=spec.threshold,
        runs=seen.runs,
        min_runs=spec.min_runs,
        close_passes=spec.close_passes,
        kept_open_by=tuple(
            Keeper(by=each.by, guard=each.guard, reason=each.reason, at=each.at)
            for each in state.kept_by
        ),
        next_change_at=next_change_at(spec, state),
        openings=state.openings,
    )
