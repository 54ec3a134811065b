"""PURE: from a breached rule to the decision to act, or to why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from config.schema import GuardSpec
from daemon.guard import recovery
from daemon.guard.asking import ask_pair, is_asked_last, look_again, run_again
from daemon.guard.blocks import AGAINST
from daemon.guard.kill import Next, close_incident
from daemon.guard.messages import Note, Page
from daemon.guard.state import Confirmed, GuardState, Suspicion
from daemon.guard.weighing import consider
from daemon.verdict import ControlFinding, Judgement, Verdict
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
            failing_at=(_place(verdict),) if verdict.speaks_against else (),
        )
        # Beside a failure, a pair that begins with the control holds all that an act needs: a
        # control that passed between two failures. Where no run failed (a ratio was reached by one
        # that passed), such a control would stand beside nothing.
        pairs = 0 if verdict.speaks_against else 1
        state = replace(state, look_asked_at=None, pairs=pairs)
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
        failing_at=tuple(sorted({*suspicion.failing_at, _place(verdict)})),
        reason=reason,
        severity=worst.severity,
        passes=0,
        failures=suspicion.failures + 1,
    )
    return consider(spec, state, _confirmed(suspicion, verdict), now)


def _arrived(suspicion: Suspicion, verdict: Verdict) -> Suspicion:
    """Note that the confirmation asked for last came in; one of an older asking is another's."""
    if is_asked_last(verdict, suspicion.confirm_asked_at):
        return replace(suspicion, confirm_asked_at=None)
    return suspicion


def _still_breached(suspicion: Suspicion, verdict: Verdict) -> tuple[Confirmed, ...]:
    """Forget what a location confirmed, once no rule is breached there or it fell silent."""
    breached = {finding.location for finding in verdict.breached}
    return tuple(each for each in suspicion.confirmed if each.location in breached)


def _place(verdict: Verdict) -> tuple[str, str]:
    return verdict.run_probe, verdict.run_location


def _passed(suspicion: Suspicion, verdict: Verdict) -> Suspicion:
    """Forget a control that passed, where the thing itself passes too: it passed beside nothing.

    What fails next may be the whole site, and only a control from then on can tell.
    """
    if verdict.run_outcome is Outcome.FAILED:
        return suspicion
    at = _place(verdict)
    others = tuple(place for place in suspicion.failing_at if place != at)
    suspicion = replace(suspicion, failing_at=others)
    here = not verdict.breached or any((f.probe, f.location) == at for f in verdict.breached)
    if not here:
        return suspicion
    if suspicion.control is ControlFinding.PASSES:
        suspicion = replace(suspicion, control=None)
    return replace(suspicion, failing_since=None, failed_at=None, confirmed_at=None)


def _confirmed(suspicion: Suspicion, verdict: Verdict) -> Suspicion:
    """Count a run for its location, if it can be held against the flagged thing.

    A run that began before the control passed again may have met the site's fault, not the
    widget's: it cannot help to confirm a kill. Nor can one of a location whose own control fails.
    """
    since = suspicion.confirm_since
    attributable = (
        (verdict.exposed is True or verdict.attributable)
        and suspicion.control not in AGAINST
        and verdict.run_location not in suspicion.against_at
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
