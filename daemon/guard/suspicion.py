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

#: Controls that say that the act would not help.
AGAINST = (ControlFinding.FAILS, ControlFinding.POWERLESS)
#: Rules that a run which finished can breach.
SLOWNESS = ("step_duration", "vital")


def blockers(spec: GuardSpec, state: GuardState, now: datetime) -> tuple[str, ...]:
    """Say everything that stands between a suspicious guard and its act. Empty: it acts."""
    suspicion = state.suspicion
    if suspicion is None:
        return ("no rule is breached",)
    reasons = [
        (state.kill is not None, "the act is already under way or done"),
        (not suspicion.breached, "no rule is breached any more"),
        (
            state.invalid_streak >= spec.blind_after,
            f"blind: {state.invalid_streak} runs in a row could not judge",
        ),
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
    state = state.saw(verdict.run_id)
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
    if suspicion is None:
        return state, ()
    # A failure below the limit ends the passing streak all the same.
    passes = 0 if verdict.run_outcome is Outcome.FAILED else suspicion.passes + 1
    if passes < spec.clear_passes:
        return replace(state, suspicion=replace(suspicion, passes=passes, breached=False)), ()
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
            control_asked_at=now,
        )
        decisions = (
            Note(f"SUSPECT: {reason}"),
            RunProbe(worst.probe, Purpose.CONFIRM, trace=True),
            RunProbe(spec.control, Purpose.CONTROL),
        )
        return replace(state, suspicion=suspicion), decisions
    suspicion = replace(state.suspicion, breached=True)
    if not _speaks_against(verdict):
        return replace(state, suspicion=suspicion), ()
    # A run that began before the control passed again may have met the site's fault, not the
    # widget's: it cannot help to confirm a kill.
    since = suspicion.confirm_since
    attributable = (
        verdict.exposed is True
        and suspicion.control not in AGAINST
        and (since is None or verdict.run_started_at >= since)
    )
    suspicion = replace(
        suspicion,
        reason=reason,
        severity=worst.severity,
        passes=0,
        failures=suspicion.failures + 1,
        confirmations=suspicion.confirmations + (1 if attributable else 0),
    )
    return _consider(spec, state, suspicion, now)


def _speaks_against(verdict: Verdict) -> bool:
    """Say whether this very run is part of a breach. One that passed confirms no failures."""
    return verdict.speaks_against and (
        verdict.run_outcome is Outcome.FAILED
        or any(f.probe == verdict.run_probe and f.rule in SLOWNESS for f in verdict.breached)
    )


def on_control(spec: GuardSpec, state: GuardState, control: ControlRan, now: datetime) -> Next:
    if control.run_id in state.seen:
        return state, ()
    state = state.saw(control.run_id)
    suspicion = state.suspicion
    if suspicion is None or state.kill is not None:
        return state, ()
    # One that began before the failure it should explain tells nothing about it.
    if control.started_at < (suspicion.control_at or suspicion.first_failed_at):
        return state, ()
    suspicion = replace(suspicion, control_asked_at=None)
    was_against = suspicion.control in AGAINST
    if control.finding is ControlFinding.UNKNOWN:
        # It clears nothing, and must not date the controls that did measure.
        finding = suspicion.control if was_against else control.finding
        suspicion = replace(suspicion, control=finding)
    else:
        passes = control.finding is ControlFinding.PASSES
        suspicion = replace(
            suspicion,
            control=control.finding,
            control_at=control.started_at,
            control_reason=control.reason,
            confirmations=suspicion.confirmations if passes else 0,
            confirm_since=control.started_at if passes and was_against else suspicion.confirm_since,
        )
    return _consider(spec, state, suspicion, now)


def _consider(spec: GuardSpec, state: GuardState, suspicion: Suspicion, now: datetime) -> Next:
    """Act if nothing blocks it; else ask for the runs that are missing."""
    state = replace(state, suspicion=suspicion)
    blocked = blockers(spec, state, now)
    if not blocked:
        return trip(spec, state, "guard", suspicion.reason, now)
    if len(blocked) == 1 and len(state.kills) >= spec.kills_per_day and not state.latched:
        state = replace(state, latched=blocked[0])
        return state, (Note(f"LATCHED: {blocked[0]}; a person must reset it with a reason"),)
    if blocked == ("observe mode: decides but does not act",) and not suspicion.would_trip_noted:
        state = replace(state, suspicion=replace(suspicion, would_trip_noted=True))
        return state, (Note(f"would have tripped, but only observes: {suspicion.reason}"),)
    state, opened = _blame_the_site(spec, state, suspicion, now)
    state, asked = _ask_for_runs(spec, state, suspicion, now)
    return state, (*opened, *asked)


def _blame_the_site(
    spec: GuardSpec, state: GuardState, suspicion: Suspicion, now: datetime
) -> Next:
    if (
        state.incident is not None
        or suspicion.failures < spec.confirmations
        or suspicion.control not in AGAINST
    ):
        return state, ()
    cause: Cause
    if suspicion.control is ControlFinding.FAILS:
        cause, text = "site", "SITE_DOWN: the control fails too, so the flag stays as it is"
    else:
        cause, text = "powerless", "POWERLESS: the flag does not gate this page"
    reason = f"{text}: {suspicion.reason}; control: {suspicion.control_reason}"
    return open_incident(spec, state, cause, suspicion.severity, reason, now)


def _ask_for_runs(spec: GuardSpec, state: GuardState, suspicion: Suspicion, now: datetime) -> Next:
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
