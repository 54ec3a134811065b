"""PURE: what people do: change the flag themselves, trip, reset, hold, release."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from config.schema import GuardSpec
from daemon.guard.kill import Next, close_incident, let_fallback_go, trip, trip_again
from daemon.guard.messages import FlagSeen, Flip, GuardRefuses, Note, OperatorAsked
from daemon.guard.state import GuardState, Hold, Human, phase


def on_flag(spec: GuardSpec, state: GuardState, flag: FlagSeen, now: datetime) -> Next:
    # A value read before our last write, or while a flip is under way, may be the one before it.
    step = state.probation
    stepping = step is not None and (step.since is None or step.restoring)
    killing = state.kill is not None and (state.kill.written_at is None or state.kill.resetting)
    writing = killing or stepping
    written = state.counts_since
    old = writing or (written is not None and flag.read_at <= written)
    if old and not flag.decided:
        return state, ()
    before, state = state.flag_value, replace(state, flag_value=flag.value)
    # An operator's flip took the place of ours, which will now never be written: without the
    # exception for that, the guard would wait for it for ever.
    if before is flag.value and not (flag.decided and (writing or step is not None)):
        return state, ()
    if before is None and flag.value is not spec.acts_to and not writing:
        return state, ()
    until = None
    if flag.value is not spec.acts_to:
        until = now + timedelta(seconds=spec.human_on_s)
    word = "on" if flag.value else "off"
    text = f"{spec.flag} is {word} and this guard did not write that: a person's decision, adopted"
    text += f" (by {flag.who})" if flag.who else ""
    text += f" ({flag.what})" if flag.what else ""
    if until is not None:
        text += f"; hands off until {until:%Y-%m-%d %H:%M:%S} UTC"
    state, closing = close_incident(state, text)
    state = replace(
        state,
        kill=None,
        probation=None,
        suspicion=None,
        human=Human(flag.value, now, until),
        counts_since=now,
        invalid_streak=0,
    )
    return state, (*closing, Note(text))


def on_operator(spec: GuardSpec, state: GuardState, asked: OperatorAsked, now: datetime) -> Next:
    if not asked.reason.strip():
        raise GuardRefuses("a reason is required: say in a sentence why")
    return _VERB[asked.verb](spec, state, asked, now)


def _on_trip(spec: GuardSpec, state: GuardState, asked: OperatorAsked, now: datetime) -> Next:
    if state.probation is not None:
        return trip_again(spec, state, asked.by, asked.reason, now)
    if state.kill is not None:
        label = phase(spec, state, now)
        raise GuardRefuses(f"already tripped ({label}): reset it first if you want to trip it anew")
    return trip(spec, state, asked.by, asked.reason, now)


def _on_reset(spec: GuardSpec, state: GuardState, asked: OperatorAsked, now: datetime) -> Next:
    note = Note(f"reset asked by {asked.by}: {asked.reason}")
    if state.kill is not None:
        if state.kill.resetting:
            raise GuardRefuses("already being reset: the restore is tried until it is written")
        state = replace(state, kill=replace(state.kill, resetting=True))
        flip = Flip(spec.flag, not spec.acts_to, asked.by, asked.reason, restore=True)
        return state, (note, flip)
    fired = state.fallback is not None
    state, freed = let_fallback_go(spec, state, asked.by, asked.reason)
    if state.latched:
        # A person has looked: the spent kill budget and the failed kills start anew.
        return replace(state, latched="", kills=(), failed_kills=()), (note, *freed)
    if fired:
        return state, (note, *freed)
    if state.human_off(spec):
        raise GuardRefuses(
            f"a person set {spec.flag}, so there is no trip to undo: set the flag back yourself, "
            "and the guard will adopt it"
        )
    raise GuardRefuses(f"not tripped ({phase(spec, state, now)}): there is nothing to reset")


def _on_hold(spec: GuardSpec, state: GuardState, asked: OperatorAsked, now: datetime) -> Next:
    if asked.until is not None and asked.until <= now:
        raise GuardRefuses("the hold would end in the past: give a later time")
    hold = Hold(asked.by, asked.reason, now, asked.until)
    end = "until released" if asked.until is None else f"until {asked.until:%Y-%m-%d %H:%M:%S} UTC"
    return replace(state, hold=hold), (Note(f"HELD by {asked.by} {end}: {asked.reason}"),)


def _on_release(spec: GuardSpec, state: GuardState, asked: OperatorAsked, now: datetime) -> Next:
    if not state.held(now):
        raise GuardRefuses("not held: there is nothing to release")
    return replace(state, hold=None), (Note(f"released by {asked.by}: {asked.reason}"),)


_VERB = {"trip": _on_trip, "reset": _on_reset, "hold": _on_hold, "release": _on_release}
