"""PURE: from a breached rule to the decision to act, or to why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from config.schema import GuardSpec
from daemon.guard.kill import Next, close_incident, open_incident, trip
from daemon.guard.messages import Decision, Note, RunProbe
from daemon.guard.state import Cause, GuardState, Suspicion
from daemon.verdict import ControlFinding, ControlRan, Judgement, Verdict
from probes.model import Outcome, Purpose

#: Run ids remembered to make the same run told twice a no-op; more than can be in flight at once.
SEEN = 128


def blockers(spec: GuardSpec, state: GuardState, now: datetime) -> tuple[str, ...]:
    """Say everything that stands between a suspicious guard and its act. Empty: it acts."""
    suspicion = state.suspicion
    if suspicion is None:
        return ("no rule is breached",)
    reasons = [
        (state.kill is not None, "the act is already under way or done"),
        (
            suspicion.confirmations < spec.confirmations,
            f"{suspicion.confirmations} of {spec.confirmations} confirming runs with the flag seen",
        ),
        (suspicion.control is None, "the control has not been measured yet"),
        (suspicion.control is ControlFinding.UNKNOWN, "the control could not be measured"),
        (suspicion.control is ControlFinding.FAILS, "the control fails too: the site is at fault"),
        (
            suspicion.control is ControlFinding.POWERLESS,
            "the control still shows the widget: the flag does not gate this page",
        ),
        (
            suspicion.control is ControlFinding.PASSES and not _control_fresh(spec, suspicion, now),
            f"the control is older than {spec.control_max_age_s:g} s",
        ),
        (state.flag_value is spec.acts_to, "the flag already has the value that the act writes"),
        (state.held(now), "an operator's hold is in force"),
        (state.human_on(spec, now), "a person turned the flag on"),
        (state.human_off(spec), "a person already did what the act would do"),
        (bool(state.latched), f"latched: {state.latched}"),
        (
            len(state.kills) >= spec.kills_per_day,
            f"{len(state.kills)} kills in 24 h, the budget is {spec.kills_per_day}",
        ),
        (spec.mode == "observe", "observe mode: decides but does not act"),
    ]
    return tuple(text for holds, text in reasons if holds)


def on_verdict(spec: GuardSpec, state: GuardState, verdict: Verdict, now: datetime) -> Next:
    stale = state.counts_since is not None and verdict.run_started_at < state.counts_since
    if stale or verdict.run_id in state.seen:
        return state, ()
    state = replace(state, seen=(*state.seen, verdict.run_id)[-SEEN:])
    if verdict.judgement is Judgement.UNKNOWN:
        return _on_unknown(spec, state, verdict, now)
    state = replace(state, invalid_streak=0)
    if state.kill is not None or state.human_off(spec):
        return state, ()
    if verdict.judgement is Judgement.HEALTHY:
        return _on_healthy(spec, state, verdict)
    return _on_unhealthy(spec, state, verdict, now)


def _on_unknown(spec: GuardSpec, state: GuardState, verdict: Verdict, now: datetime) -> Next:
    if state.kill is not None or state.human_off(spec):
        return state, ()  # no exposure is what we want then; it makes nobody blind
    state = replace(state, invalid_streak=state.invalid_streak + 1)
    if state.invalid_streak == spec.blind_after:
        text = (
            f"BLIND: {spec.blind_after} runs in a row could not judge; the last, of "
            f"{verdict.run_probe}: {verdict.run_outcome}: {verdict.run_reason}"
        )
        return state, (Note(text),)
    if (
        state.suspicion is not None
        and verdict.run_purpose is Purpose.CONFIRM
        and state.invalid_streak < spec.blind_after
    ):
        again = RunProbe(
            verdict.run_probe,
            Purpose.CONFIRM,
            trace=True,
            not_before=now + timedelta(seconds=spec.propagation.retry_s),
        )
        return state, (again,)
    return state, ()


def _on_healthy(spec: GuardSpec, state: GuardState, verdict: Verdict) -> Next:
    suspicion = state.suspicion
    if suspicion is None or verdict.run_outcome is Outcome.FAILED:
        return state, ()
    passes = suspicion.passes + 1
    if passes < spec.clear_passes:
        return replace(state, suspicion=replace(suspicion, passes=passes)), ()
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
            first_failed_at=verdict.run_started_at,
            probe=worst.probe,
            reason=reason,
            severity=worst.severity,
            control_asked_at=now,
        )
        decisions = (
            Note(f"SUSPECT: {reason}"),
            RunProbe(worst.probe, Purpose.CONFIRM, trace=True),
            RunProbe(spec.control, Purpose.CONTROL),
        )
        return replace(state, suspicion=suspicion), decisions
    if not verdict.speaks_against:
        return state, ()
    # A run that began before a control that did not pass may have met the site's fault, not the
    # widget's: it cannot help to confirm a kill.
    suspicion = state.suspicion
    after_control = suspicion.control_at is None or verdict.run_started_at >= suspicion.control_at
    attributable = verdict.exposed is True and (
        suspicion.control in (None, ControlFinding.PASSES) or after_control
    )
    suspicion = replace(
        suspicion,
        reason=reason,
        severity=worst.severity,
        passes=0,
        failures=suspicion.failures + 1,
        confirmations=suspicion.confirmations + (1 if attributable else 0),
    )
    return _consider(spec, replace(state, suspicion=suspicion), now)


def on_control(spec: GuardSpec, state: GuardState, control: ControlRan, now: datetime) -> Next:
    suspicion = state.suspicion
    if suspicion is None or state.kill is not None:
        return state, ()
    if suspicion.control_at is not None and control.started_at < suspicion.control_at:
        return state, ()
    passes = control.finding is ControlFinding.PASSES
    unmeasured = control.finding is ControlFinding.UNKNOWN
    suspicion = replace(
        suspicion,
        control=control.finding,
        control_at=control.started_at,
        control_reason=control.reason,
        control_asked_at=None,
        confirmations=suspicion.confirmations if passes or unmeasured else 0,
    )
    return _consider(spec, replace(state, suspicion=suspicion), now)


def _consider(spec: GuardSpec, state: GuardState, now: datetime) -> Next:
    """Act if nothing blocks it; else ask for the runs that are missing."""
    suspicion = state.suspicion
    if suspicion is None:
        raise ValueError("only a suspicious guard can be considered")
    blocked = blockers(spec, state, now)
    if not blocked:
        return trip(spec, state, "guard", suspicion.reason, now)
    if len(blocked) == 1 and len(state.kills) >= spec.kills_per_day and not state.latched:
        state = replace(state, latched=blocked[0])
        return state, (Note(f"LATCHED: {blocked[0]}; a person must reset it with a reason"),)
    if blocked == ("observe mode: decides but does not act",) and not suspicion.would_trip_noted:
        state = replace(state, suspicion=replace(suspicion, would_trip_noted=True))
        return state, (Note(f"would have tripped, but only observes: {suspicion.reason}"),)
    state, opened = _blame_the_site(spec, state, now)
    state, asked = _ask_for_runs(spec, state, now)
    return state, (*opened, *asked)


def _blame_the_site(spec: GuardSpec, state: GuardState, now: datetime) -> Next:
    suspicion = state.suspicion
    if (
        suspicion is None
        or state.incident is not None
        or suspicion.failures < spec.confirmations
        or suspicion.control not in (ControlFinding.FAILS, ControlFinding.POWERLESS)
    ):
        return state, ()
    cause: Cause
    if suspicion.control is ControlFinding.FAILS:
        cause, text = "site", "SITE_DOWN: the control fails too, so the flag stays as it is"
    else:
        cause, text = "powerless", "POWERLESS: the flag does not gate this page"
    reason = f"{text}: {suspicion.reason}; control: {suspicion.control_reason}"
    return open_incident(spec, state, cause, suspicion.severity, reason, now)


def _ask_for_runs(spec: GuardSpec, state: GuardState, now: datetime) -> Next:
    suspicion = state.suspicion
    if suspicion is None:
        return state, ()
    asked: list[Decision] = []
    fresh = _control_fresh(spec, suspicion, now)
    confirmable = suspicion.control in (None, ControlFinding.PASSES)
    if suspicion.failures < spec.confirmations or (
        confirmable and 0 < suspicion.confirmations < spec.confirmations
    ):
        asked.append(RunProbe(suspicion.probe, Purpose.CONFIRM))
    asked_at = suspicion.control_asked_at
    lost = asked_at is not None and (now - asked_at).total_seconds() > spec.control_max_age_s
    if (asked_at is None or lost) and not (suspicion.control is ControlFinding.PASSES and fresh):
        # A control that just failed is asked again after a moment, not in a tight loop.
        wait = timedelta(seconds=0 if suspicion.control is None else spec.propagation.retry_s)
        asked.append(RunProbe(spec.control, Purpose.CONTROL, not_before=now + wait))
        suspicion = replace(suspicion, control_asked_at=now)
    return replace(state, suspicion=suspicion), tuple(asked)


def _control_fresh(spec: GuardSpec, suspicion: Suspicion, now: datetime) -> bool:
    at = suspicion.control_at
    return at is not None and (now - at).total_seconds() <= spec.control_max_age_s
