"""PURE: from a breached rule to the decision to act, or to why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from config.schema import GuardSpec
from daemon.guard import recovery
from daemon.guard.asking import ask_for_runs, ask_pair, is_asked_last, look_again, run_again
from daemon.guard.blocks import (
    AGAINST,
    blockers,
    hands_off,
)
from daemon.guard.kill import Next, close_incident, fire_fallback, open_incident, trip
from daemon.guard.messages import Note, Page
from daemon.guard.state import Cause, Confirmed, GuardState, Suspicion
from daemon.verdict import ControlFinding, ControlRan, Judgement, Verdict
from probes.model import Outcome


def on_verdict(spec: GuardSpec, state: GuardState, verdict: Verdict, now: datetime) -> Next:
    stale = state.counts_since is not None and verdict.run_started_at < state.counts_since
    if stale or verdict.run_id in state.seen:
        return state, ()
    state = state.saw(verdict.run_id)
    if verdict.judgement is Judgement.UNKNOWN:
        return _on_unknown(spec, state, verdict, now)
    state = replace(
        state,
        invalid_streak=0,
        judged_at=max(state.judged_at or verdict.run_started_at, verdict.run_started_at),
        silence_told=False,
        failing=_failing(state, verdict),
    )
    if state.probation is not None:
        return recovery.on_verdict(spec, state, verdict, now)
    if state.kill is not None or state.human_off(spec):
        return state, ()
    if verdict.judgement is Judgement.HEALTHY:
        return _on_healthy(spec, state, verdict, now)
    return _on_unhealthy(spec, state, verdict, now)


def _failing(state: GuardState, verdict: Verdict) -> tuple[str, ...]:
    """Probes whose latest run failed though its page was told the exposing value."""
    others = tuple(probe for probe in state.failing if probe != verdict.run_probe)
    failed = verdict.run_outcome is Outcome.FAILED and verdict.exposed is True
    return tuple(sorted((*others, verdict.run_probe))) if failed else others


def _on_unknown(spec: GuardSpec, state: GuardState, verdict: Verdict, now: datetime) -> Next:
    if not recovery.exposes(spec, state, now):
        return state, ()  # no exposure is what we want then; it makes nobody blind
    state = replace(state, invalid_streak=state.invalid_streak + 1)
    if state.invalid_streak == spec.blind_after:
        text = (
            f"BLIND: {spec.blind_after} runs in a row could not judge; the last, of "
            f"{verdict.run_probe}: {verdict.run_outcome}: {verdict.run_reason}"
        )
        return state, (Page(text, severity=3),)
    if state.invalid_streak > spec.blind_after:
        return state, ()
    if state.suspicion is not None:
        if not is_asked_last(verdict, state.suspicion.confirm_asked_at):
            return state, ()
        state = replace(state, suspicion=replace(state.suspicion, confirm_asked_at=now))
        return state, (run_again(spec, verdict.run_probe, now),)
    if verdict.run_probe in state.failing and is_asked_last(verdict, state.look_asked_at):
        return replace(state, look_asked_at=now), (run_again(spec, verdict.run_probe, now),)
    return state, ()


def _on_healthy(spec: GuardSpec, state: GuardState, verdict: Verdict, now: datetime) -> Next:
    suspicion = state.suspicion
    if suspicion is None:
        return look_again(spec, state, verdict, now)
    # A failure below the limit ends the passing streak all the same.
    passes = 0 if verdict.run_outcome is Outcome.FAILED else suspicion.passes + 1
    if passes < spec.clear_passes:
        # What confirmed a breach that is over says nothing about the next one.
        suspicion = _passed(_arrived(suspicion, verdict), verdict)
        suspicion = replace(suspicion, passes=passes, breached=False, confirmed=())
        return replace(state, suspicion=suspicion), ()
    text = f"suspicion cleared after {passes} passing runs: {suspicion.reason}"
    state = replace(state, suspicion=None)
    state, closing = close_incident(state, text)
    return state, (*closing, Note(text))


def _on_unhealthy(spec: GuardSpec, state: GuardState, verdict: Verdict, now: datetime) -> Next:
    worst = verdict.breached[0]
    reason = f"{worst.text}: {verdict.run_reason}" if verdict.run_reason else worst.text
    if state.suspicion is None:
        suspicion = Suspicion(
            since=now,
            first_failed_at=worst.since or verdict.run_started_at,
            probe=worst.probe,
            reason=reason,
            severity=worst.severity,
            failing_since=verdict.run_started_at if verdict.speaks_against else None,
            failed_at=verdict.run_started_at if verdict.speaks_against else None,
        )
        state = replace(state, look_asked_at=None, pairs=0)
        state, asked = ask_pair(spec, state, suspicion, now, fresh=True)
        return state, (Note(f"SUSPECT: {reason}"), asked)
    suspicion = replace(
        _arrived(state.suspicion, verdict),
        breached=True,
        confirmed=_still_breached(state.suspicion, verdict),
    )
    if not verdict.speaks_against:
        return replace(state, suspicion=_passed(suspicion, verdict)), ()
    suspicion = replace(
        suspicion,
        failing_since=suspicion.failing_since or verdict.run_started_at,
        failed_at=max(suspicion.failed_at or verdict.run_started_at, verdict.run_started_at),
        reason=reason,
        severity=worst.severity,
        passes=0,
        failures=suspicion.failures + 1,
    )
    return _consider(spec, state, _confirmed(suspicion, verdict), now)


def _arrived(suspicion: Suspicion, verdict: Verdict) -> Suspicion:
    """Note that the confirmation asked for last came in; one of an older asking is another's."""
    if is_asked_last(verdict, suspicion.confirm_asked_at):
        return replace(suspicion, confirm_asked_at=None)
    return suspicion


def _still_breached(suspicion: Suspicion, verdict: Verdict) -> tuple[Confirmed, ...]:
    """Forget what a location confirmed, once no rule is breached there or it fell silent."""
    breached = {finding.location for finding in verdict.breached}
    return tuple(each for each in suspicion.confirmed if each.location in breached)


def _passed(suspicion: Suspicion, verdict: Verdict) -> Suspicion:
    """Forget a control that passed, where the thing itself passes too: it passed beside nothing.

    What fails next may be the whole site, and only a control from then on can tell.
    """
    at = (verdict.run_probe, verdict.run_location)
    here = not verdict.breached or any((f.probe, f.location) == at for f in verdict.breached)
    if not here or verdict.run_outcome is Outcome.FAILED:
        return suspicion
    if suspicion.control is ControlFinding.PASSES:
        suspicion = replace(suspicion, control=None)
    return replace(suspicion, failing_since=None, failed_at=None, confirmed_at=None)


def _confirmed(suspicion: Suspicion, verdict: Verdict) -> Suspicion:
    """Count a run for its location, if it can be held against the flagged thing.

    A run that began before the control passed again may have met the site's fault, not the
    widget's: it cannot help to confirm a kill.
    """
    since = suspicion.confirm_since
    attributable = (
        (verdict.exposed is True or verdict.attributable)
        and suspicion.control not in AGAINST
        and (since is None or verdict.run_started_at >= since)
    )
    if not attributable:
        return suspicion
    known = {each.location: each for each in suspicion.confirmed}
    before = known.get(verdict.run_location, Confirmed(verdict.run_location))
    hard = before.hard + (1 if verdict.run_hard else 0)
    known[verdict.run_location] = replace(before, runs=before.runs + 1, hard=hard)
    return replace(
        suspicion,
        confirmed=tuple(known[location] for location in sorted(known)),
        confirmed_at=max(suspicion.confirmed_at or verdict.run_started_at, verdict.run_started_at),
    )


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
        state = replace(state, suspicion=suspicion)
    # One that began before the failure it should explain tells nothing about it.
    if control.started_at < (suspicion.control_at or suspicion.first_failed_at):
        return state, ()
    if control.finding is ControlFinding.PASSES and not _beside(spec, suspicion, control):
        return state, ()
    was_against = suspicion.control in AGAINST
    if control.finding is ControlFinding.UNKNOWN:
        # It clears nothing, and must not date the controls that did measure.
        finding = suspicion.control if was_against else control.finding
        suspicion = replace(suspicion, control=finding)
        return _consider(spec, state, suspicion, now)
    passes = control.finding is ControlFinding.PASSES
    suspicion = replace(
        suspicion,
        control=control.finding,
        control_at=control.started_at,
        control_reason=control.reason,
        confirmed=suspicion.confirmed if passes else (),
        confirm_since=control.started_at if passes and was_against else suspicion.confirm_since,
    )
    state, decisions = _consider(spec, state, suspicion, now, control_passed=passes)
    if control.finding is ControlFinding.FAILS and suspicion.passes and not was_against:
        text = f"only the control fails, so a kill would hurt: {control.reason}"
        return state, (Note(text), *decisions)
    return state, decisions


def _beside(spec: GuardSpec, suspicion: Suspicion, control: ControlRan) -> bool:
    """Say whether the thing failed shortly before the control began, and did not pass since.

    Where runs could not judge for a while, what failed before may long have been over.
    """
    since, last = suspicion.failing_since, suspicion.failed_at
    if since is None or last is None or control.started_at < since:
        return False
    return (control.started_at - last).total_seconds() <= spec.control_max_age_s


def _consider(
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
