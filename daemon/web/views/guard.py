"""A guard as people see it: its phase in words, what it waits for, and the measured kill."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from config.schema import GuardSpec
from daemon import history
from daemon.engine import utc_now
from daemon.guard import GuardState, Phase, blockers, phase
from daemon.guard.state import Hold, Human, Incident, Kill, Suspicion
from daemon.guard.words import meaning
from daemon.history import TimelineLine
from daemon.journal import Journal
from daemon.modes import Mode
from daemon.web.answer import View
from daemon.web.desk import Desk
from daemon.web.etag import etag_of
from daemon.web.problem import Refused, unknown
from daemon.web.views.drill import DrillLine, drill_line


class KillView(View):
    """One trip with its measured times. `_after_s`: since the first failed run began; where a
    person tripped, since the decision.
    """

    by: str
    reason: str
    first_failed_at: datetime | None
    decided_at: datetime
    decided_after_s: float
    written_at: datetime | None
    written_after_s: float | None
    verified_at: datetime | None
    verified_after_s: float | None
    failed_at: datetime | None
    failure: str
    resetting: bool


class GuardView(View):
    """`since`: when the phase began, None where nothing on record says. `hold` and `human` are
    those in force. `mode_configured`: what the configuration says; `mode_set_by`, `mode_set_at` and
    `mode_reason`: of the operator who set the mode in force, None where nobody did. `blockers`:
    what stands between the guard and its act; empty: it acts. `drill`: the newest one; `unproven`:
    no good one is young enough, of a guard that should have them.
    """

    name: str
    flag: str
    act: Literal["disable_flag", "fallback"]
    mode: Mode
    mode_configured: Mode
    mode_set_by: str | None
    mode_set_at: datetime | None
    mode_reason: str | None
    phase: Phase
    since: datetime | None
    says: str
    flag_value: bool | None
    blockers: tuple[str, ...]
    suspicion: Suspicion | None
    kill: KillView | None
    kills_24h: int
    latched: str
    hold: Hold | None
    human: Human | None
    incident: Incident | None
    drill: DrillLine | None
    unproven: bool
    spec: GuardSpec


class Guards(View):
    guards: tuple[GuardView, ...]


class GuardDetail(GuardView):
    """With the guard's newest lines, oldest first."""

    timeline: tuple[TimelineLine, ...]


def spec_of(desk: Desk, name: str) -> GuardSpec:
    """Return a guard's configuration.

    Raises:
        Refused: 404, with the known names.
    """
    guards = desk.config.guards
    if name not in guards:
        raise unknown("guard", name, tuple(guards))
    return guards[name]


def guard_view(desk: Desk, name: str) -> GuardView:
    """Show a guard's last committed state, as of now.

    Raises:
        Refused: 404 for an unknown name; 503 while a reload is bringing the guard in.
    """
    spec = spec_of(desk, name)
    return _view(desk, spec, _state(desk, name), utc_now())


def guard_etag(desk: Desk, name: str) -> str:
    """Return the ETag of a guard as last committed.

    Raises:
        Refused: as `guard_view` does.
    """
    return etag_of_guard(spec_of(desk, name), _state(desk, name))


def etag_of_guard(spec: GuardSpec, state: GuardState) -> str:
    """Return the ETag of what an operator decides upon: the facts behind the phase, not each run.

    A suspicion counts as being there or not: its failures grow with each run.
    """
    kill, incident = state.kill, state.incident
    rungs = ("decided_at", "written_at", "verified_at", "failed_at", "resetting")
    return etag_of(
        "guard",
        spec.name,
        spec.mode,
        state.flag_value,
        None if kill is None else [getattr(kill, each) for each in rungs],
        None if state.probation is None else [state.probation.step, state.probation.restoring],
        None if state.fallback is None else state.fallback.since,
        state.hold,
        state.human,
        state.latched,
        None if incident is None else incident.id,
        state.suspicion is None,
    )


def _state(desk: Desk, name: str) -> GuardState:
    try:
        return desk.engine.state(name)
    except KeyError:
        raise Refused(503, f"guard {name!r} is being loaded: ask again in a second") from None


def _view(desk: Desk, spec: GuardSpec, state: GuardState, now: datetime) -> GuardView:
    drills, set_so = desk.drills, desk.engine.modes.of(spec.name)
    told = None if drills is None else drills.latest(spec.name)
    label = phase(spec, state, now)
    return GuardView(
        name=spec.name,
        flag=spec.flag,
        act=spec.act,
        mode=spec.mode,
        mode_configured=desk.engine.modes.configured(spec.name),
        mode_set_by=None if set_so is None else set_so.by,
        mode_set_at=None if set_so is None else set_so.at,
        mode_reason=None if set_so is None else set_so.reason,
        phase=label,
        since=_since(desk.journal, spec, state, label, now),
        says=meaning(spec, label),
        flag_value=state.flag_value,
        blockers=blockers(spec, state, now),
        suspicion=state.suspicion,
        kill=None if state.kill is None else _kill_view(state.kill),
        kills_24h=len(state.kills),
        latched=state.latched,
        hold=state.hold if state.held(now) else None,
        human=state.human if state.human_off(spec) or state.human_on(spec, now) else None,
        incident=state.incident,
        drill=None if told is None else drill_line(told),
        unproven=drills is not None and drills.unproven(spec.name, now),
        spec=spec,
    )


def _kill_view(kill: Kill) -> KillView:
    start = kill.first_failed_at or kill.decided_at

    def after(at: datetime | None) -> float | None:
        return None if at is None else (at - start).total_seconds()

    return KillView(
        by=kill.by,
        reason=kill.reason,
        first_failed_at=kill.first_failed_at,
        decided_at=kill.decided_at,
        decided_after_s=(kill.decided_at - start).total_seconds(),
        written_at=kill.written_at,
        written_after_s=after(kill.written_at),
        verified_at=kill.verified_at,
        verified_after_s=after(kill.verified_at),
        failed_at=kill.failed_at,
        failure=kill.failure,
        resetting=kill.resetting,
    )


def _since(
    journal: Journal, spec: GuardSpec, state: GuardState, label: Phase, now: datetime
) -> datetime | None:
    kill, suspicion, incident = state.kill, state.suspicion, state.incident
    match label:
        case Phase.KILLING | Phase.KILLED_UNVERIFIED | Phase.KILLED | Phase.KILL_FAILED if kill:
            return kill.verified_at or kill.failed_at or kill.written_at or kill.decided_at
        case Phase.HELD if state.hold:
            return state.hold.since
        case Phase.HUMAN_OFF | Phase.HUMAN_ON if state.human:
            return state.human.since
        case Phase.SITE_DOWN | Phase.POWERLESS if incident:
            return incident.opened_at
        case Phase.SUSPECT if suspicion:
            return suspicion.since
        case Phase.BLIND | Phase.LATCHED:
            said = history.last_noted(journal, spec.name, f"PAGE: {label.name}:")
            return said or history.last_noted(journal, spec.name, f"{label.name}:")
        case _:
            return _quiet_since(journal, spec, state, now)


def _quiet_since(
    journal: Journal, spec: GuardSpec, state: GuardState, now: datetime
) -> datetime | None:
    # A hold, or respect for a person, ends by the clock alone: no line tells of it.
    ended = [each.until for each in (state.hold, state.human) if each and each.until]
    times = [history.last_noted(journal, spec.name), *(at for at in ended if at <= now)]
    return max((at for at in times if at is not None), default=None)
