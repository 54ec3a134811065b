"""PURE: rehearse a kill: fold a drill's runs into a copy of a guard, and apply nothing.

The copy begins as the real guard is, without what would only hold its hands: what does so is told
beside the decision that it would have held back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from config.schema import GuardSpec
from daemon.guard import GuardState, Phase, advance, blockers, phase
from daemon.guard.blocks import hands_off
from daemon.guard.messages import (
    CloseIncident,
    Decision,
    Evidence,
    Flip,
    Note,
    OpenIncident,
    Page,
    RunProbe,
    SwitchCircuit,
)
from daemon.rules import judge, judge_control
from daemon.rules.judging import NO_BASELINES, Baselines
from daemon.verdict import ControlFinding
from probes.model import Outcome, Purpose, Run
from probes.text import bounded

#: A drill that needs more runs than this is not going to end well.
MAX_RUNS = 200
#: Longest line of what the guard would have said.
MAX_LINE = 400


class Ending(StrEnum):
    """How a drill ended.

    WOULD_KILL: the guard decided its act in time. HELD_BACK: it did, but a person, a latch or
    observe mode would have kept its hands off. TOO_SLOW: decided past the limit. TIME_OVER: not
    decided at all. CONTROL_FAILS, POWERLESS: it decided that a kill would not help. ABORTED: says
    nothing.
    """

    WOULD_KILL = "would_kill"
    HELD_BACK = "held_back"
    TOO_SLOW = "too_slow"
    TIME_OVER = "time_over"
    CONTROL_FAILS = "control_fails"
    POWERLESS = "powerless"
    ABORTED = "aborted"

    @property
    def good(self) -> bool:
        """True where the detection worked; who holds the guard's hands is another matter."""
        return self in (Ending.WOULD_KILL, Ending.HELD_BACK)


@dataclass(frozen=True, slots=True)
class Line:
    """What the guard would have said or done."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class PhaseLine:
    """A phase that the copy reached."""

    at: datetime
    phase: Phase


@dataclass(frozen=True, slots=True)
class Ended:
    """How and when a drill ended; `why` not as hoped, `held_back`: what holds the guard's hands."""

    at: datetime
    ending: Ending
    why: str = ""
    held_back: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A drill under way or ended.

    `spec`: the guard's, in enforce mode. `found`: the real guard as the drill found it; `copy`: as
    the drill's runs have moved it. `before`: real runs that rules may still count. `runs`: those
    of the drill, as they were judged. `began_at`: start of the first of them.
    """

    real_spec: GuardSpec
    spec: GuardSpec
    found: GuardState
    copy: GuardState
    asked_at: datetime
    within_s: float
    before: tuple[Run, ...]
    baselines: Baselines
    runs: tuple[Run, ...] = ()
    began_at: datetime | None = None
    lines: tuple[Line, ...] = ()
    phases: tuple[PhaseLine, ...] = ()
    ended: Ended | None = None

    @property
    def detection_s(self) -> float | None:
        """Seconds from the first run's start to the decision; None: there was none."""
        if self.ended is None or self.began_at is None:
            return None
        if not self.ended.ending.good and self.ended.ending is not Ending.TOO_SLOW:
            return None
        return (self.ended.at - self.began_at).total_seconds()

    def pace_s(self, interval_s: float, fast_interval_s: float, probe: str) -> float:
        """Seconds from one walk of a probe to the next, as the scheduler would choose them."""
        fast = self.copy.suspicion is not None or probe in self.copy.failing
        return min(interval_s, fast_interval_s) if fast else interval_s


#: The drill after something happened, and the runs that it asks for.
Next = tuple[Rehearsal, tuple[RunProbe, ...]]


def begin(
    spec: GuardSpec,
    found: GuardState,
    within_s: float,
    now: datetime,
    before: Iterable[Run] = (),
    baselines: Baselines = NO_BASELINES,
) -> Rehearsal:
    """Copy a guard for a drill: no suspicion, nothing that holds its hands, in enforce mode."""
    copy = replace(
        found,
        updated_at=None,
        suspicion=None,
        failing=(),
        look_asked_at=None,
        hold=None,
        human=None,
        latched="",
        kills=(),
        failed_kills=(),
        incident=None,
    )
    enforced = spec.model_copy(update={"mode": "enforce"})
    rehearsal = Rehearsal(spec, enforced, found, copy, now, within_s, tuple(before), baselines)
    return _in_phase(rehearsal, now)


def take(rehearsal: Rehearsal, run: Run, judged_as: Purpose, now: datetime) -> Next:
    """Fold one run of the drill's into the copy; a run after the end changes nothing.

    Args:
        judged_as: what the run would be were its fault real: CONTROL for a control, else SCHEDULED
            or CONFIRM.
        now: aware UTC.
    """
    if rehearsal.ended is not None:
        return rehearsal, ()
    judged = replace(run, purpose=judged_as)
    first = min(rehearsal.began_at or run.started_at, run.started_at)
    rehearsal = replace(rehearsal, runs=(*rehearsal.runs, judged), began_at=first)
    # A guard's own time always goes on, also while somebody sets the clock back.
    now = max(now, rehearsal.copy.updated_at or now)
    spec = rehearsal.spec
    told: Evidence
    if judged_as is Purpose.CONTROL:
        told = judge_control(judged)
    else:
        known = (*rehearsal.before, *rehearsal.runs)
        told = judge(spec, known, judged, rehearsal.baselines)
    copy, decisions = advance(spec, rehearsal.copy, told, now)
    rehearsal = _in_phase(replace(rehearsal, copy=copy), now)
    said = tuple(Line(now, text) for each in decisions if (text := _in_words(each)))
    rehearsal = replace(rehearsal, lines=(*rehearsal.lines, *said))
    rehearsal = _judged(rehearsal, decisions, now)
    if rehearsal.ended is not None:
        return rehearsal, ()
    return rehearsal, tuple(each for each in decisions if isinstance(each, RunProbe))


def pass_time(rehearsal: Rehearsal, now: datetime) -> Rehearsal:
    """End a drill whose time is over."""
    begun = rehearsal.began_at or rehearsal.asked_at
    over = now >= begun + timedelta(seconds=rehearsal.within_s)
    if rehearsal.ended is not None or not (over or len(rehearsal.runs) >= MAX_RUNS):
        return rehearsal
    return _end(rehearsal, Ending.TIME_OVER, now, _still_missing(rehearsal, now))


def abort(rehearsal: Rehearsal, why: str, now: datetime) -> Rehearsal:
    """End a drill that says nothing about its guard."""
    return rehearsal if rehearsal.ended else _end(rehearsal, Ending.ABORTED, now, why)


def held_back(spec: GuardSpec, real: GuardState, now: datetime) -> tuple[str, ...]:
    """Say what would keep the real guard's hands off, though it had decided."""
    kills = sum(now - at < timedelta(hours=24) for at in real.kills)
    reasons = [
        *hands_off(spec, real, now),
        (kills >= spec.kills_per_day, f"{kills} kills in 24 h, the budget is {spec.kills_per_day}"),
        (spec.mode == "observe", "observe mode: decides but does not act"),
    ]
    return tuple(text for holds, text in reasons if holds)


def _judged(rehearsal: Rehearsal, decisions: Iterable[Decision], now: datetime) -> Rehearsal:
    """End at the decision to act, or at the decision that the act would not help."""
    suspicion = rehearsal.copy.suspicion
    for each in decisions:
        if isinstance(each, Flip) and not each.fallback:
            began = rehearsal.began_at or now
            if (now - began).total_seconds() > rehearsal.within_s:
                return _end(rehearsal, Ending.TOO_SLOW, now)
            held = held_back(rehearsal.real_spec, rehearsal.found, now)
            ending = Ending.HELD_BACK if held else Ending.WOULD_KILL
            return replace(rehearsal, ended=Ended(now, ending, held_back=held))
        if isinstance(each, OpenIncident) and suspicion is not None:
            powerless = suspicion.control is ControlFinding.POWERLESS
            ending = Ending.POWERLESS if powerless else Ending.CONTROL_FAILS
            return _end(rehearsal, ending, now, suspicion.control_reason)
    return rehearsal


def _end(rehearsal: Rehearsal, ending: Ending, now: datetime, why: str = "") -> Rehearsal:
    return replace(rehearsal, ended=Ended(now, ending, bounded(why, MAX_LINE)))


def _in_phase(rehearsal: Rehearsal, now: datetime) -> Rehearsal:
    label = phase(rehearsal.spec, rehearsal.copy, now)
    if rehearsal.phases and rehearsal.phases[-1].phase is label:
        return rehearsal
    return replace(rehearsal, phases=(*rehearsal.phases, PhaseLine(now, label)))


def _still_missing(rehearsal: Rehearsal, now: datetime) -> str:
    """Say what kept the copy from its decision."""
    runs = [run for run in rehearsal.runs if run.purpose is not Purpose.CONTROL]
    if not runs:
        return "no run came in"
    if rehearsal.copy.suspicion is not None:
        return "; ".join(blockers(rehearsal.spec, rehearsal.copy, now))
    blind = [run for run in runs if not run.outcome.judges]
    failed = sum(run.outcome is Outcome.FAILED for run in runs)
    text = f"no rule was breached: {failed} of {len(runs)} runs failed with the faults planted"
    if blind:
        text += f", {len(blind)} could not judge (the last: {blind[-1].reason})"
    return text


def _in_words(decision: Decision) -> str:
    """Say what a decision would have done; empty for runs, which really are walked."""
    match decision:
        case Flip():
            text = f"would turn {decision.flag} {'on' if decision.to else 'off'}: {decision.reason}"
        case SwitchCircuit():
            text = f"would open circuit {decision.circuit}: {decision.reason}"
        case OpenIncident():
            text = f"would open an incident ({decision.incident.cause}): {decision.reason}"
        case CloseIncident():
            text = f"would close the incident: {decision.reason}"
        case Page():
            text = f"would page: {decision.text}"
        case Note():
            text = decision.text
        case RunProbe():
            return ""
    return bounded(text, MAX_LINE)
