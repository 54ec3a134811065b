"""PURE: what a control says of a suspicion: is it the flagged thing, the site, or the flag."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from config.schema import GuardSpec
from daemon.guard import recovery
from daemon.guard.blocks import AGAINST, control_fresh
from daemon.guard.kill import Next
from daemon.guard.messages import Note
from daemon.guard.state import GuardState, Suspicion
from daemon.guard.weighing import consider
from daemon.verdict import ControlFinding, ControlRan


def on_control(spec: GuardSpec, state: GuardState, control: ControlRan, now: datetime) -> Next:
    if control.run_id in state.seen:
        return state, ()
    state = state.saw(control.run_id)
    if state.probation is not None:
        return recovery.on_control(spec, state, control, now)
    suspicion = state.suspicion
    if suspicion is None or state.kill is not None:
        return state, ()
    asked = suspicion.control_asked_at
    if asked is not None and control.started_at >= asked:
        suspicion = replace(suspicion, control_asked_at=None)
    if suspicion.control_location not in ("", control.location):
        return _of_another_location(spec, state, suspicion, control, now)
    if control.started_at < (suspicion.control_at or suspicion.first_failed_at):
        return replace(state, suspicion=suspicion), ()
    return _conclude(spec, state, suspicion, control, now)


def _of_another_location(
    spec: GuardSpec, state: GuardState, suspicion: Suspicion, control: ControlRan, now: datetime
) -> Next:
    """One location is enough to tell the widget from the site: what passed there stands."""
    if control.started_at < suspicion.first_failed_at:
        return replace(state, suspicion=suspicion), ()
    if suspicion.control is ControlFinding.PASSES and control_fresh(spec, suspicion, now):
        return consider(spec, state, _noted(suspicion, control), now)
    return _conclude(spec, state, suspicion, control, now)


def _conclude(
    spec: GuardSpec, state: GuardState, suspicion: Suspicion, control: ControlRan, now: datetime
) -> Next:
    if control.finding is ControlFinding.PASSES and not _beside(spec, suspicion, control):
        return replace(state, suspicion=_noted(suspicion, control)), ()
    was_against = suspicion.control in AGAINST
    if control.finding is ControlFinding.UNKNOWN:
        # It clears nothing, and must not date the controls that did measure.
        finding = suspicion.control if was_against else control.finding
        return consider(spec, state, replace(suspicion, control=finding), now)
    passes = control.finding is ControlFinding.PASSES
    suspicion = replace(
        _noted(suspicion, control),
        control=control.finding,
        control_at=control.started_at,
        control_reason=control.reason,
        control_location=control.location,
    )
    if not passes:
        suspicion = replace(suspicion, confirmed=())
    elif was_against:
        suspicion = replace(suspicion, confirm_since=control.started_at)
    state, decisions = consider(spec, state, suspicion, now, control_passed=passes)
    if control.finding is ControlFinding.FAILS and suspicion.passes and not was_against:
        text = f"only the control fails, so a kill would hurt: {control.reason}"
        return state, (Note(text), *decisions)
    return state, decisions


def _noted(suspicion: Suspicion, control: ControlRan) -> Suspicion:
    """Note what a control says of its own location, whatever is known of others."""
    if control.finding is ControlFinding.UNKNOWN:
        return suspicion
    at = control.location
    others = tuple(each for each in suspicion.against_at if each != at)
    if control.finding in AGAINST:
        confirmed = tuple(each for each in suspicion.confirmed if each.location != at)
        against = tuple(sorted((*others, at)))
        return replace(suspicion, against_at=against, confirmed=confirmed)
    if at in suspicion.against_at:
        # Runs of the time before may have met the site's fault.
        suspicion = replace(suspicion, confirm_since=control.started_at)
    return replace(suspicion, against_at=others)


def _beside(spec: GuardSpec, suspicion: Suspicion, control: ControlRan) -> bool:
    """Say whether the thing failed there shortly before the control began, and did not pass since.

    Where runs could not judge for a while, what failed before may long have been over. And where
    the site is down for one location alone, another's control passes beside nothing.
    """
    if control.location and all(at != control.location for _, at in suspicion.failing_at):
        return False
    since, last = suspicion.failing_since, suspicion.failed_at
    if since is None or last is None or control.started_at < since:
        return False
    return (control.started_at - last).total_seconds() <= spec.control_max_age_s
