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
    Page,
    RunProbe,
    SwitchCircuit,
)
from daemon.guard.state import Cause, Fired, GuardState, Human, Incident, Kill, Probation
from daemon.verdict import ProofRan
from probes.model import Purpose

#: After a proof's budget is spent we keep looking, but no faster than this.
SLOW_PROOF_S = 10.0
#: Two kills in 24 h that did not reach users: a person must look.
FAILED_KILLS_TO_LATCH = 2

Next = tuple[GuardState, tuple[Decision, ...]]


def trip(spec: GuardSpec, state: GuardState, by: str, reason: str, now: datetime) -> Next:
    """Decide the act: first what users get in its place, then the flag.

    Both are committed together, and each is retried by itself: a fallback that cannot be written
    holds back no kill.
    """
    severity = state.suspicion.severity if state.suspicion else 1
    first_failed_at = state.suspicion.first_failed_at if state.suspicion else None
    state, fired = fire_fallback(spec, state, by, reason, now)
    found = "the widget itself is at fault" if by == "guard" else f"{by} tripped the guard"
    state, closing = close_incident(state, found)
    state, opening = open_incident(
        spec, state, "widget" if by == "guard" else "operator", severity, reason, now
    )
    state = replace(
        state,
        kill=Kill(now, by, reason, first_failed_at),
        suspicion=None,
        kills=(*state.kills, now),
    )
    return state, (*closing, *opening, *fired, Flip(spec.flag, spec.acts_to, by, reason))


def trip_again(spec: GuardSpec, state: GuardState, by: str, reason: str, now: datetime) -> Next:
    """Decide the act in the middle of a ramp: the same incident goes on.

    The kill budget cannot hold this back: it takes only what the guard itself gave back. But once
    it is spent, the ramp does not go on without a person.
    """
    first_failed_at = state.probation.suspect_since if state.probation else None
    kills = (*state.kills, now)
    latched = state.latched
    noted: tuple[Decision, ...] = (Note(f"the ramp failed, killed again: {reason}"),)
    if len(kills) >= spec.kills_per_day and not latched:
        latched = f"{len(kills)} kills in 24 h, the budget is {spec.kills_per_day}"
        noted += (Page(f"LATCHED: {latched}; a person must reset it with a reason"),)
    state = replace(
        state,
        kill=Kill(now, by, reason, first_failed_at),
        probation=None,
        suspicion=None,
        kills=kills,
        latched=latched,
    )
    return state, (*noted, Flip(spec.flag, spec.acts_to, by, reason, again=True))


def fire_fallback(spec: GuardSpec, state: GuardState, by: str, reason: str, now: datetime) -> Next:
    """Give users something in the place of what is broken; nothing where they have it already."""
    if spec.fallback is None or state.fallback is not None:
        return state, ()
    decisions: list[Decision] = []
    if spec.fallback.circuit is not None:
        decisions.append(SwitchCircuit(spec.fallback.circuit, True, reason))
    if spec.fallback.flag is not None:
        decisions.append(Flip(spec.fallback.flag, True, by, reason, fallback=True))
    return replace(state, fallback=Fired(now, reason)), tuple(decisions)


def let_fallback_go(spec: GuardSpec, state: GuardState, by: str, reason: str) -> Next:
    """Ask for the fallback's flag as it was, and for its circuit to be judged by itself again."""
    if spec.fallback is None or state.fallback is None:
        return state, ()
    decisions: list[Decision] = []
    if spec.fallback.flag is not None:
        flip = Flip(spec.fallback.flag, False, by, reason, restore=True, fallback=True)
        decisions.append(flip)
    if spec.fallback.circuit is not None:
        decisions.append(SwitchCircuit(spec.fallback.circuit, False, reason))
    return replace(state, fallback=None), tuple(decisions)


def on_applied(spec: GuardSpec, state: GuardState, flip: FlipApplied, now: datetime) -> Next:
    if flip.fallback:
        return _fallback_written(spec, state, flip, now)
    state = replace(state, flag_value=flip.to, counts_since=now)
    if flip.step is not None:
        if state.probation is None or state.probation.step != flip.step:
            return state, ()
        state = replace(state, probation=Probation(flip.step, now))
        return state, (Note(f"PROBATION: {share_in_words(spec, flip.step)}"),)
    if flip.restore:
        ramped = state.probation is not None and state.probation.restoring
        if state.kill is None or not (ramped or state.kill.resetting):
            return state, ()  # written just when something newer was decided, which comes next
        end = "the ramp came through" if ramped else "reset"
        state, closing = close_incident(state, f"{end}: the snapshot was replayed")
        state, freed = let_fallback_go(spec, state, "guard", f"{spec.flag} is as it was: {end}")
        # The person who reset a latched guard has looked: what latched it starts anew.
        looked = bool(state.latched)
        # Gates that exposed nobody before the trip expose nobody now: somebody wanted them so.
        off = flip.to is spec.acts_to
        state = replace(
            state,
            kill=None,
            probation=None,
            suspicion=None,
            human=Human(flip.to, now) if off else None,
            latched="",
            kills=() if looked else state.kills,
            failed_kills=() if looked else state.failed_kills,
            invalid_streak=0,
        )
        who = "nobody is exposed, as before the trip" if off else "users are exposed again"
        return state, (*closing, *freed, Note(f"{end}: {who}"))
    if state.kill is None:
        return state, ()
    state = replace(state, kill=replace(state.kill, written_at=now, failed_at=None, failure=""))
    return state, (
        Note(f"{spec.flag} is {'on' if flip.to else 'off'} in the store, read back equal"),
        RunProbe(spec.proof, Purpose.PROOF),
    )


def on_failed(spec: GuardSpec, state: GuardState, flip: FlipFailed, now: datetime) -> Next:
    text = f"the flip could not be written (try {flip.attempts}): {flip.error}"
    if flip.fallback:
        text = f"the fallback's flag could not be written (try {flip.attempts}): {flip.error}"
        if flip.restore or state.fallback is None:
            return state, (Note(text),)
        known = bool(state.fallback.failure)
        state = replace(state, fallback=replace(state.fallback, failure=text))
        return state, () if known else (Page(text),)
    if flip.restore or flip.step is not None or state.kill is None:
        return state, (Note(text),)
    return _kill_failed(spec, state, text, now)


def _fallback_written(spec: GuardSpec, state: GuardState, flip: FlipApplied, now: datetime) -> Next:
    flag = spec.fallback.flag if spec.fallback else None
    if flip.restore or state.fallback is None:
        return state, (Note(f"the fallback {flag} is as it was before"),)
    state = replace(state, fallback=replace(state.fallback, written_at=now, failure=""))
    return state, (Note(f"the fallback {flag} is on in the store, read back equal"),)


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
    state, noted = _kill_failed(spec, state, text, now)
    return state, (*noted, *again)


def share_in_words(spec: GuardSpec, step: int) -> str:
    """Say who meets the flagged thing at a step of the ramp."""
    if step == 0:
        return "on for the probe's own id only"
    return f"on for {spec.ramp.percentages[step - 1]:g} % of the users"


def _kill_failed(spec: GuardSpec, state: GuardState, text: str, now: datetime) -> Next:
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
        text += f"; LATCHED: {state.latched}: a person must reset it with a reason"
    state, fired = fire_fallback(spec, state, "guard", f"the kill failed: {text}", now)
    return state, (*fired, Page(f"KILL_FAILED: {text}"))


def open_incident(
    spec: GuardSpec,
    state: GuardState,
    cause: Cause,
    severity: int,
    reason: str,
    now: datetime,
) -> Next:
    owed = cause == "powerless" and spec.fallback is not None
    incident = Incident(f"{spec.name}-{now:%Y%m%dT%H%M%S%f}", cause, now, owed)
    return replace(state, incident=incident), (OpenIncident(incident, severity, reason),)


def close_incident(state: GuardState, reason: str) -> Next:
    if state.incident is None:
        return state, ()
    return replace(state, incident=None), (CloseIncident(state.incident, reason),)
