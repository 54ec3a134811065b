"""PURE: one trip from its decision to its proof, and the incident around it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from config.schema import GuardSpec
from daemon.guard.messages import (
    CloseIncident,
    Decision,
    Flip,
    FlipApplied,
    FlipFailed,
    Note,
    OpenIncident,
    RunProbe,
)
from daemon.guard.state import Cause, GuardState, Human, Incident, Kill
from daemon.verdict import ProofRan
from probes.model import Purpose

#: After a proof's budget is spent we keep looking, but no faster than this.
SLOW_PROOF_S = 10.0
#: Two kills in 24 h that did not reach users: a person must look.
FAILED_KILLS_TO_LATCH = 2

Next = tuple[GuardState, tuple[Decision, ...]]


def trip(spec: GuardSpec, state: GuardState, by: str, reason: str, now: datetime) -> Next:
    severity = state.suspicion.severity if state.suspicion else 1
    first_failed_at = state.suspicion.first_failed_at if state.suspicion else None
    state, closing = close_incident(state, "the widget itself is at fault")
    state, opening = open_incident(
        spec, state, "widget" if by == "guard" else "operator", severity, reason, now
    )
    state = replace(
        state,
        kill=Kill(now, by, reason, first_failed_at),
        suspicion=None,
        kills=(*state.kills, now),
    )
    return state, (*closing, *opening, Flip(spec.flag, spec.acts_to, by, reason))


def on_applied(spec: GuardSpec, state: GuardState, flip: FlipApplied, now: datetime) -> Next:
    state = replace(state, flag_value=flip.to, counts_since=now)
    if flip.restore:
        state, closing = close_incident(state, "reset: the snapshot was replayed")
        # The person who reset a latched guard has looked: its failed kills start anew.
        failed_kills = () if state.latched else state.failed_kills
        # Gates that exposed nobody before the trip expose nobody now: somebody wanted them so.
        off = flip.to is spec.acts_to
        state = replace(
            state,
            kill=None,
            suspicion=None,
            human=Human(flip.to, now) if off else None,
            latched="",
            failed_kills=failed_kills,
            invalid_streak=0,
        )
        end = "nobody is exposed, as before the trip" if off else "users are exposed again"
        return state, (*closing, Note(f"reset: {end}"))
    if state.kill is None:
        return state, ()
    state = replace(state, kill=replace(state.kill, written_at=now, failed_at=None, failure=""))
    return state, (
        Note(f"{spec.flag} is {'on' if flip.to else 'off'} in the store, read back equal"),
        RunProbe(spec.proof, Purpose.PROOF),
    )


def on_failed(spec: GuardSpec, state: GuardState, flip: FlipFailed, now: datetime) -> Next:
    text = f"the flip could not be written (try {flip.attempts}): {flip.error}"
    if flip.restore or state.kill is None:
        return state, (Note(text),)
    return _kill_failed(state, text, now)


def on_proof(spec: GuardSpec, state: GuardState, proof: ProofRan, now: datetime) -> Next:
    if proof.run_id in state.seen:
        return state, ()
    state = state.saw(proof.run_id)
    kill = state.kill
    if kill is None or kill.written_at is None or proof.started_at < kill.written_at:
        return state, ()
    if kill.verified_at is not None:
        return state, ()
    if proof.proven:
        state = replace(state, kill=replace(kill, verified_at=now, failed_at=None, failure=""))
        return state, (Note("KILLED: a fresh browser no longer meets it"),)
    spent = (now - kill.written_at).total_seconds()
    over = spent >= spec.propagation.budget_s
    wait_s = max(SLOW_PROOF_S, spec.propagation.retry_s) if over else spec.propagation.retry_s
    again: tuple[Decision, ...] = ()
    if kill.proof_due is None or proof.started_at >= kill.proof_due:
        # Each restart asks for a proof of its own: without this, each would go on for ever.
        due = now + timedelta(seconds=wait_s)
        state = replace(state, kill=replace(kill, proof_due=due))
        again = (RunProbe(spec.proof, Purpose.PROOF, not_before=due),)
    if not over:
        return state, again
    text = f"users may still meet it {spent:.0f} s after the flip: {proof.reason}"
    state, noted = _kill_failed(state, text, now)
    return state, (*noted, *again)


def _kill_failed(state: GuardState, text: str, now: datetime) -> Next:
    kill = state.kill
    if kill is None or kill.failed_at is not None:
        return state, ()  # said once; retries go on without repeating it
    state = replace(
        state,
        kill=replace(kill, failed_at=now, failure=text),
        failed_kills=(*state.failed_kills, now),
    )
    if len(state.failed_kills) >= FAILED_KILLS_TO_LATCH:
        state = replace(state, latched=f"{len(state.failed_kills)} failed kills in 24 h")
    return state, (Note(f"KILL_FAILED: {text}"),)


def open_incident(
    spec: GuardSpec,
    state: GuardState,
    cause: Cause,
    severity: int,
    reason: str,
    now: datetime,
) -> Next:
    incident = Incident(f"{spec.name}-{now:%Y%m%dT%H%M%S%f}", cause, now)
    return replace(state, incident=incident), (OpenIncident(incident, severity, reason),)


def close_incident(state: GuardState, reason: str) -> Next:
    if state.incident is None:
        return state, ()
    return replace(state, incident=None), (CloseIncident(state.incident, reason),)
