"""PURE: what a drill tells people, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from config.schema import InjectedFault
from daemon.drill import MAX_LINE, Ending, Line, PhaseLine, Rehearsal
from probes.model import Outcome, Purpose, Run
from probes.text import bounded


@dataclass(frozen=True, slots=True)
class DrillRun:
    """One run of a drill, and what it was taken for."""

    id: str
    probe: str
    location: str
    judged_as: Purpose
    started_at: datetime
    duration_s: float
    outcome: Outcome
    hard: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """A drill, whole. `ending` None: it is under way.

    `good`: the guard would have detected the fault in time. `would_kill`: and would have acted, as
    it is now. `detection_s`: from the start of the drill's first run to the decision. `held_back`:
    what would have kept the guard's hands off. `proven_at`: the guard's last good drill, this one
    included; None: never.
    """

    id: str
    guard: str
    by: str
    reason: str
    faults: tuple[str, ...]
    asked_at: datetime
    began_at: datetime | None
    took_s: float
    within_s: float
    ending: Ending | None
    good: bool
    would_kill: bool
    detection_s: float | None
    held_back: tuple[str, ...]
    says: str
    proven_at: datetime | None
    phases: tuple[PhaseLine, ...]
    lines: tuple[Line, ...]
    runs: tuple[DrillRun, ...]


REPORT_JSON = TypeAdapter(Report)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for a drill, of which guard, and why."""

    id: str
    guard: str
    by: str
    reason: str


def report_of(
    asked: Asked,
    faults: tuple[InjectedFault, ...],
    rehearsal: Rehearsal,
    proven_at: datetime | None,
    now: datetime,
) -> Report:
    """Tell a drill as far as it came.

    Args:
        proven_at: the guard's last good drill before this one.
    """
    ended = rehearsal.ended
    end = now if ended is None else ended.at
    good = ended is not None and ended.ending.good
    return Report(
        id=asked.id,
        guard=asked.guard,
        by=asked.by,
        reason=asked.reason,
        faults=tuple(fault_in_words(each) for each in faults),
        asked_at=rehearsal.asked_at,
        began_at=rehearsal.began_at,
        took_s=max(0.0, (end - rehearsal.asked_at).total_seconds()),
        within_s=rehearsal.within_s,
        ending=None if ended is None else ended.ending,
        good=good,
        would_kill=ended is not None and ended.ending is Ending.WOULD_KILL,
        detection_s=rehearsal.detection_s,
        held_back=() if ended is None else ended.held_back,
        says=in_words(rehearsal),
        proven_at=rehearsal.asked_at if good else proven_at,
        phases=rehearsal.phases,
        lines=rehearsal.lines,
        runs=tuple(_line(run) for run in rehearsal.runs),
    )


def in_words(rehearsal: Rehearsal) -> str:
    """Say in a sentence how a drill ended."""
    ended, spec = rehearsal.ended, rehearsal.spec
    if ended is None:
        return f"under way: runs so far {len(rehearsal.runs)}"
    act = f"turned {spec.flag} {'on' if spec.acts_to else 'off'}"
    took = f"{rehearsal.detection_s or 0:.1f} s"
    limit = f"{rehearsal.within_s:g} s"
    match ended.ending:
        case Ending.WOULD_KILL:
            return f"would have {act} after {took}"
        case Ending.HELD_BACK:
            return _held_back(rehearsal, ended.held_back, act, took)
        case Ending.TOO_SLOW:
            return f"would have {act} after {took}, but the limit is {limit}"
        case Ending.TIME_OVER:
            return f"would not have {act} within {limit}: {ended.why}"
        case Ending.CONTROL_FAILS:
            return (
                f"would not have {act}: the control fails too, so the site looks at fault "
                f"({ended.why}). Mend the control, or plant a fault that spares it"
            )
        case Ending.POWERLESS:
            return (
                f"would not have {act}: the flag does not gate this page, so the kill would be "
                f"powerless ({ended.why})"
            )
        case Ending.ABORTED:
            return f"aborted, and says nothing: {ended.why}"


def _held_back(rehearsal: Rehearsal, held_back: tuple[str, ...], act: str, took: str) -> str:
    if rehearsal.real_spec.mode == "observe" and len(held_back) == 1:
        return f"in enforce mode it would have {act} after {took}; now it only observes"
    return f"would have {act} after {took}, but for this: {'; '.join(held_back)}"


def fault_in_words(fault: InjectedFault) -> str:
    """Say what a planted fault does; never its body, which may be long."""
    if fault.status is not None:
        does = f"answered with {fault.status}"
    elif fault.abort:
        does = "cut off"
    else:
        does = f"answered {fault.delay_s:g} s late"
    return bounded(f"{fault.url} is {does}", MAX_LINE)


def _line(run: Run) -> DrillRun:
    return DrillRun(
        id=run.id,
        probe=run.probe,
        location=run.location,
        judged_as=run.purpose,
        started_at=run.started_at,
        duration_s=run.duration_s,
        outcome=run.outcome,
        hard=run.hard,
        reason=bounded(run.reason),
    )
