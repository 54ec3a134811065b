"""PURE: a suspicion weighed: to act, to blame another, or to ask for the runs that are missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from config.schema import GuardSpec
from daemon.guard.asking import ask_for_runs
from daemon.guard.blocks import AGAINST, blockers, hands_off
from daemon.guard.kill import Next, close_incident, fire_fallback, open_incident, trip
from daemon.guard.messages import Note, Page
from daemon.guard.state import Cause, GuardState, Suspicion
from daemon.verdict import ControlFinding


def consider(
    spec: GuardSpec,
    state: GuardState,
    suspicion: Suspicion,
    now: datetime,
    control_passed: bool = False,
) -> Next:
    """Act if nothing blocks it; else ask for the runs that are missing."""
    state = replace(state, suspicion=suspicion)
    blocked = blockers(spec, state, now)
    if not blocked:
        return trip(spec, state, "guard", suspicion.reason, now)
    if len(blocked) == 1 and len(state.kills) >= spec.kills_per_day and not state.latched:
        state = replace(state, latched=blocked[0])
        return state, (Page(f"LATCHED: {blocked[0]}; a person must reset it with a reason"),)
    if blocked == ("observe mode: decides but does not act",) and not suspicion.would_trip_noted:
        state = replace(state, suspicion=replace(suspicion, would_trip_noted=True))
        return state, (Note(f"would have tripped, but only observes: {suspicion.reason}"),)
    state, opened = _blame_another(spec, state, suspicion, now)
    state, asked = ask_for_runs(spec, state, suspicion, now, control_passed)
    return state, (*opened, *asked)


def _blame_another(spec: GuardSpec, state: GuardState, suspicion: Suspicion, now: datetime) -> Next:
    cause: Cause
    if suspicion.control is ControlFinding.FAILS:
        cause, text = "site", "SITE_DOWN: the control fails too, so the flag stays as it is"
    else:
        cause, text = "powerless", "POWERLESS: the flag does not gate this page"
    if (
        not suspicion.breached
        or suspicion.failures < spec.hard_confirmations
        or suspicion.control not in AGAINST
    ):
        return state, ()
    reason = f"{text}: {suspicion.reason}; control: {suspicion.control_reason}"
    if state.incident is not None and state.incident.cause in ("powerless", cause):
        return _fire_if_owed(spec, state, suspicion, reason, now)
    state, closed = close_incident(state, text)
    state, opened = open_incident(spec, state, cause, suspicion.severity, reason, now)
    if cause == "site":
        return state, opened
    # The act would be in vain: users can only be led round what is broken.
    state, fired = _fire_if_owed(spec, state, suspicion, reason, now)
    return state, (*closed, *opened, *fired, Page(reason, suspicion.severity))


def _fire_if_owed(
    spec: GuardSpec, state: GuardState, suspicion: Suspicion, reason: str, now: datetime
) -> Next:
    """Fire the fallback of a powerless guard, once, as soon as nobody keeps the guard from it."""
    incident = state.incident
    free = spec.mode == "enforce" and not any(holds for holds, _ in hands_off(spec, state, now))
    powerless = suspicion.control is ControlFinding.POWERLESS
    if incident is None or not incident.fallback_owed or not free or not powerless:
        return state, ()
    state = replace(state, incident=replace(incident, fallback_owed=False))
    return fire_fallback(spec, state, "guard", reason, now)
