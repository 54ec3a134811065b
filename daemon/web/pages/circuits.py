"""The circuits: which of them lead users round, why, and who keeps them open."""

from __future__ import annotations

from flask import Blueprint, Response

from daemon.circuit import CircuitPhase
from daemon.web.desk import current_desk
from daemon.web.pages.page import render
from daemon.web.views.circuit import CircuitView, circuit_etag, circuit_view

CIRCUITS = Blueprint("page_circuits", __name__)

#: What a phase means to whoever is woken by it.
MEANS = {
    CircuitPhase.CLOSED: "All is well: applications use the real thing.",
    CircuitPhase.OPEN: "Applications use the fallback.",
    CircuitPhase.HALF_OPEN: "Its own probe tries it again; applications still use the fallback.",
}


@CIRCUITS.get("/circuits")
def circuits() -> Response:
    """Every circuit; those that are not closed first."""
    found = current_desk().engine.circuits.states().values()
    shown = [(circuit_view(each), circuit_etag(each)) for each in found]
    shown.sort(key=lambda pair: not pair[0].go_round)
    return render("circuits.html", circuits=shown, means=MEANS, share=_share)


def _share(view: CircuitView) -> str:
    """Say how far it is from its next change."""
    if view.phase is CircuitPhase.HALF_OPEN:
        return f"{view.runs} of {view.close_passes} passes in a row that close it"
    if view.failure_share is None:
        return f"no run counts yet; {view.min_runs} must"
    return (
        f"{view.failure_share:.0%} of {view.runs} runs failed; "
        f"opens at {view.threshold:.0%} of at least {view.min_runs}"
    )
