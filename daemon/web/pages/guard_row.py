"""A guard as one row of the overview, and at the head of its own page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Literal

from config.schema import GuardSpec
from daemon import history
from daemon.audit import AuditEntry
from daemon.engine import utc_now
from daemon.guard import GuardRefuses, GuardState, advance
from daemon.guard.messages import OperatorAsked
from daemon.guard.words import yours
from daemon.history import RunMark
from daemon.web.desk import Desk
from daemon.web.views.guard import GuardView, guard_etag, guard_view
from daemon.web.views.probe import ProbeView

#: Runs in the strip of a guard.
STRIP = 20
Verb = Literal["trip", "reset", "hold", "release"]
VERBS: tuple[Verb, ...] = ("trip", "hold", "release", "reset")


@dataclass(frozen=True, slots=True)
class GuardRow:
    """What a person must know of a guard, and may do.

    `why`: what led to its phase, empty where nothing did. `yours`: what is a person's to do.
    `changed`: the flag's newest change on record. `marks`: newest first, of all its probes.
    `refused`: by verb, why it makes no sense now. `run_now`: the probe that a run now walks.
    """

    view: GuardView
    etag: str
    why: str
    yours: str
    changed: AuditEntry | None
    marks: tuple[RunMark, ...]
    refused: Mapping[str, str]
    run_now: str


def guard_row(desk: Desk, name: str, probes: Iterable[ProbeView]) -> GuardRow:
    """Put a guard into a row.

    Args:
        probes: with their newest runs; those of other guards are passed over.

    Raises:
        Refused: as `guard_view` does.
    """
    etag = guard_etag(desk, name)  # first: what is shown may be newer than it, and never older
    view = guard_view(desk, name)
    state, spec = desk.engine.state(name), view.spec
    changes = history.audit(desk.journal, flag=view.flag, newest_first=True, limit=1)
    return GuardRow(
        view=view,
        etag=etag,
        why=_why(view),
        yours=yours(spec, view.phase),
        changed=next(iter(changes), None),
        marks=newest_marks(each for each in probes if each.name in spec.probes),
        refused={verb: refusal(spec, state, verb, utc_now()) for verb in VERBS},
        run_now=view.suspicion.probe if view.suspicion else spec.probes[0],
    )


def newest_marks(probes: Iterable[ProbeView]) -> tuple[RunMark, ...]:
    """Merge the newest runs of probes at all their locations into one strip, newest first."""
    marks = chain.from_iterable(place.recent for each in probes for place in each.locations)
    return tuple(sorted(marks, key=lambda mark: (mark.started_at, mark.id), reverse=True)[:STRIP])


def refusal(spec: GuardSpec, state: GuardState, verb: Verb, now: datetime) -> str:
    """Say why the guard would refuse an operator now; empty: it would not.

    It is asked, not guessed: `advance` is pure, and what it would decide is thrown away.
    """
    at = max(now, state.updated_at or now)
    try:
        advance(spec, state, OperatorAsked(verb, "somebody", "to see whether it could"), at)
    except GuardRefuses as cause:
        return str(cause)
    return ""


def _why(view: GuardView) -> str:
    if view.latched:
        return f"latched: {view.latched}"
    if view.kill is not None:
        by_hand = "" if view.kill.by == "guard" else f" (asked by {view.kill.by})"
        told = f"{view.kill.reason}{by_hand}"
        return told if not view.kill.failure else f"{view.kill.failure}; killed for: {told}"
    if view.hold is not None:
        return f"held by {view.hold.by}: {view.hold.reason}"
    if view.suspicion is not None:
        control = view.suspicion.control_reason
        return view.suspicion.reason + (f"; control: {control}" if control else "")
    return ""
