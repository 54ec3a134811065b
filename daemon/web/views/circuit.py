"""Circuits as people see them: what each is, since when, why, and what would change it."""

from __future__ import annotations

from datetime import datetime

from daemon.circuit import (
    CircuitPhase,
    CircuitState,
    next_change_at,
    observed,
    pass_time,
    phase,
)
from daemon.circuits import Circuit, flag_name
from daemon.engine import utc_now
from daemon.web.answer import View
from daemon.web.etag import etag_of


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


def circuit_etag(circuit: Circuit) -> str:
    """Return the ETag of a circuit as last committed."""
    return etag_of_circuit(circuit.spec.name, circuit.state)


def etag_of_circuit(name: str, state: CircuitState) -> str:
    """Return the ETag of what an operator decides upon: who keeps it open, and its last change."""
    return etag_of("circuit", name, state.opened_at, state.tried_at, state.closed_at, state.kept_by)


def circuit_view(circuit: Circuit) -> CircuitView:
    """Show a circuit as last committed, as of now."""
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
