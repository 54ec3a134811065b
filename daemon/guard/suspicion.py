"""PURE: from a breached rule to the decision to act, or to why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from config.schema import GuardSpec
from daemon.guard import recovery
from daemon.guard.blocks import (
    AGAINST,
    blockers,
    confirmed_enough,
    control_fresh,
    fails_beside_control,
    hands_off,
)
from daemon.guard.kill import Next, close_incident, fire_fallback, open_incident, trip
from daemon.guard.messages import Decision, Note, Page, RunProbe
from daemon.guard.state import Cause, Confirmed, GuardState, Suspicion
from daemon.verdict import ControlFinding, ControlRan, Judgement, Verdict
from probes.model import Outcome, Purpose


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
        if not _is_asked_last(verdict, state.suspicion.confirm_asked_at):
            return state, ()
        state = replace(state, suspicion=replace(state.suspicion, confirm_asked_at=now))
        return state, (_again(spec, verdict.run_probe, now),)
    if verdict.run_probe in state.failing and _is_asked_last(verdict, state.look_asked_at):
        return replace(state, look_asked_at=now), (_again(spec, verdict.run_probe, now),)
    return state, ()


def _again(spec: GuardSpec, probe: str, now: datetime) -> RunProbe:
    due = now + timedelta(seconds=spec.propagation.retry_s)
    return RunProbe(probe, Purpose.CONFIRM, trace=True, not_before=due)


def _on_healthy(spec: GuardSpec, state: GuardState, verdict: Verdict, now: datetime) -> Next:
    suspicion = state.suspicion
    if suspicion is None:
        return _look_again(spec, state, verdict, now)
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


def _look_again(spec: GuardSpec, state: GuardState, verdict: Verdict, now: datetime) -> Next:
    """Below every limit, but somebody may be in trouble: look again at once, not in turn."""
    if _is_asked_last(verdict, state.look_asked_at):
        state = replace(state, look_asked_at=None)
    # A failure that no rule counts would be looked at for ever.
    counted = any(
        (f.probe, f.location) == (verdict.run_probe, verdict.run_location)
        and not f.by_finished_runs
        for f in verdict.findings
    )
    if (
        not counted
        or verdict.run_outcome is not Outcome.FAILED
        or verdict.run_probe not in state.failing
        or state.held(now)
        or _under_way(spec, state.look_asked_at, now)
    ):
        return state, ()
    first = verdict.run_purpose is not Purpose.CONFIRM
    again = RunProbe(verdict.run_probe, Purpose.CONFIRM, trace=True, fresh=first)
    return replace(state, look_asked_at=now), (again,)


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
        )
        state = replace(state, look_asked_at=None)
        state, asked = _ask_pair(spec, state, suspicion, now, fresh=True)
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
        reason=reason,
        severity=worst.severity,
        passes=0,
        failures=suspicion.failures + 1,
    )
    return _consider(spec, state, _confirmed(suspicion, verdict), now)


def _arrived(suspicion: Suspicion, verdict: Verdict) -> Suspicion:
    """Note that the confirmation asked for last came in; one of an older asking is another's."""
    if _is_asked_last(verdict, suspicion.confirm_asked_at):
        return replace(suspicion, confirm_asked_at=None)
    return suspicion


def _is_asked_last(verdict: Verdict, asked_at: datetime | None) -> bool:
    # One order runs at every location: only the first to come in may lead to the next order.
    came = verdict.run_purpose is Purpose.CONFIRM and asked_at is not None
    return came and asked_at is not None and verdict.run_started_at >= asked_at


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
    return replace(suspicion, failing_since=None, confirmed_at=None)


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
    since = suspicion.failing_since
    if control.finding is ControlFinding.PASSES and (since is None or control.started_at < since):
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
    state, asked = _ask_for_runs(spec, state, suspicion, now, control_passed)
    return state, (*opened, *asked)


def _blame_another(spec: GuardSpec, state: GuardState, suspicion: Suspicion, now: datetime) -> Next:
    cause: Cause
    if suspicion.control is ControlFinding.FAILS:
        cause, text = "site", "SITE_DOWN: the control fails too, so the flag stays as it is"
    else:
        cause, text = "powerless", "POWERLESS: the flag does not gate this page"
    known = state.incident is not None and state.incident.cause in ("powerless", cause)
    if (
        known
        or not suspicion.breached
        or suspicion.failures < spec.hard_confirmations
        or suspicion.control not in AGAINST
    ):
        return state, ()
    reason = f"{text}: {suspicion.reason}; control: {suspicion.control_reason}"
    state, closed = close_incident(state, text)
    state, opened = open_incident(spec, state, cause, suspicion.severity, reason, now)
    if cause == "site":
        return state, opened
    # The act would be in vain: users can only be led round what is broken.
    if spec.mode == "enforce" and not any(holds for holds, _ in hands_off(spec, state, now)):
        state, fired = fire_fallback(spec, state, "guard", reason, now)
        opened = (*opened, *fired)
    return state, (*closed, *opened, Page(reason, suspicion.severity))


def _ask_for_runs(
    spec: GuardSpec,
    state: GuardState,
    suspicion: Suspicion,
    now: datetime,
    control_passed: bool,
) -> Next:
    fresh = suspicion.control is ControlFinding.PASSES and control_fresh(spec, suspicion, now)
    control_wanted = not fresh and not _under_way(spec, suspicion.control_asked_at, now)
    confirmable = suspicion.control in (None, ControlFinding.UNKNOWN, ControlFinding.PASSES)
    enough = confirmed_enough(spec, suspicion) and (not fresh or fails_beside_control(suspicion))
    # A control that passes asks at once whether the thing still fails beside it.
    more = (
        control_passed
        or suspicion.failures < spec.hard_confirmations
        or (confirmable and suspicion.confirmed != () and not enough)
    )
    run_wanted = more and not _under_way(spec, suspicion.confirm_asked_at, now)
    if run_wanted and control_wanted and confirmable:
        state, pair = _ask_pair(spec, state, suspicion, now)
        return state, (pair,)
    asked: list[Decision] = []
    if run_wanted:
        asked.append(RunProbe(suspicion.probe, Purpose.CONFIRM))
        suspicion = replace(suspicion, confirm_asked_at=now)
    if control_wanted:
        # A control that just failed is asked again after a moment, not in a tight loop.
        wait = timedelta(seconds=0 if suspicion.control is None else spec.propagation.retry_s)
        asked.append(RunProbe(spec.control, Purpose.CONTROL, not_before=now + wait))
        suspicion = replace(suspicion, control_asked_at=now)
    return replace(state, suspicion=suspicion), tuple(asked)


def _ask_pair(
    spec: GuardSpec, state: GuardState, suspicion: Suspicion, now: datetime, fresh: bool = False
) -> tuple[GuardState, RunProbe]:
    """Ask for a run and its control, seconds apart in one worker; each goes first in its turn."""
    suspicion = replace(suspicion, control_asked_at=now, confirm_asked_at=now)
    pair = RunProbe(
        suspicion.probe,
        Purpose.CONFIRM,
        trace=True,
        control=spec.control,
        control_first=state.pairs % 2 == 1,
        fresh=fresh,
    )
    return replace(state, suspicion=suspicion, pairs=state.pairs + 1), pair


def _under_way(spec: GuardSpec, asked_at: datetime | None, now: datetime) -> bool:
    """Say whether a run asked for may still come; one that is lost is asked for anew."""
    return asked_at is not None and (now - asked_at).total_seconds() <= spec.control_max_age_s
