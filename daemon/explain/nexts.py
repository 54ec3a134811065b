"""PURE: what would have to happen next, in sentences."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from config.schema import GuardSpec
from daemon.explain.wording import brief, clock, span
from daemon.guard import GuardState, Phase, phase
from daemon.guard.blocks import confirmed_enough, control_fresh, fails_beside_control
from daemon.guard.recovery import ramp_blockers, ramp_due
from daemon.guard.state import Suspicion
from daemon.verdict import ControlFinding

Nexts = tuple[str, ...]


def nexts(spec: GuardSpec, state: GuardState, now: datetime) -> Nexts:
    """Say what would have to happen next; never empty."""
    return (*_NEXT[phase(spec, state, now)](spec, state, now), *_kept_back(state))


def _kept_back(state: GuardState) -> Nexts:
    if state.incident is None or not state.incident.fallback_owed:
        return ()
    return ("the fallback is kept back until then: the next failing run after it fires it",)


def needs(spec: GuardSpec, state: GuardState, now: datetime) -> Nexts:
    """Say all that a suspicious guard still needs before it acts. Empty: it acts."""
    suspicion = state.suspicion
    if suspicion is None:
        return ("a run at which a rule is breached",)
    told = (
        (not suspicion.breached, "a run at which a rule is breached again"),
        (state.invalid_streak >= spec.blind_after, "a run that can judge"),
        (state.silent(spec, now), "a run that comes in and judges"),
        (not confirmed_enough(spec, suspicion), _confirmations(spec, suspicion)),
        (suspicion.control is None, "a control run that passes"),
        (
            suspicion.control is ControlFinding.UNKNOWN,
            "a control run that passes: the last could not be measured",
        ),
        (
            suspicion.control is ControlFinding.FAILS,
            "a control run that passes: now the page is broken without the widget too",
        ),
        (
            suspicion.control is ControlFinding.POWERLESS,
            f"a control run without the widget: now {spec.flag} does not gate this page",
        ),
        (
            suspicion.control is ControlFinding.PASSES and not control_fresh(spec, suspicion, now),
            f"a new control run that passes: the last is older than {spec.control_max_age_s:g} s",
        ),
        (
            suspicion.control is ControlFinding.PASSES and not fails_beside_control(suspicion),
            "1 more confirming run that begins after the control passed",
        ),
        (state.flag_value is spec.acts_to, "nothing: the flag is already as the act writes it"),
        *_allowed(spec, state, now),
    )
    return tuple(text for holds, text in told if holds)


def _allowed(spec: GuardSpec, state: GuardState, now: datetime) -> tuple[tuple[bool, str], ...]:
    hold, human = state.hold, state.human
    end = f"ends by itself at {clock(hold.until, now)} UTC, or " if hold and hold.until else ""
    human_end = clock(human.until, now) if human and human.until else "a time not yet set"
    return (
        (state.held(now), f"the hold must end: {end}by {_asks('release', spec)}"),
        (
            state.human_on(spec, now),
            f"the guard keeps its hands off until {human_end} UTC: a person turned the flag back",
        ),
        (state.human_off(spec), "nothing: a person already did what the act would do"),
        (bool(state.latched), f"an operator must reset it: {_asks('reset', spec)}"),
        (
            len(state.kills) >= spec.kills_per_day,
            f"nothing by itself: {len(state.kills)} kills in 24 h, the budget is "
            f"{spec.kills_per_day}; it latches, and then an operator must reset it",
        ),
        (spec.mode == "observe", "mode: enforce in the configuration: now it only says so"),
    )


def _confirmations(spec: GuardSpec, suspicion: Suspicion) -> str:
    enough = sum(
        each.runs >= spec.confirmations or each.hard >= spec.hard_confirmations
        for each in suspicion.confirmed
    )
    open_ones = [
        (spec.confirmations - each.runs, spec.hard_confirmations - each.hard)
        for each in suspicion.confirmed
        if each.runs < spec.confirmations and each.hard < spec.hard_confirmations
    ]
    soft, hard = min(open_ones, default=(spec.confirmations, spec.hard_confirmations))
    text = f"{hard} more hard confirming {_runs(hard)}, or {soft} soft or hard"
    if soft <= hard:
        text = f"{soft} more confirming {_runs(soft)}"
    text += " with the flag seen"
    missing = spec.quorum - enough
    if spec.quorum > 1:
        text += f" at one location, and so on until {missing} more confirmed it"
    return text


def _runs(number: int) -> str:
    return "run" if number == 1 else "runs"


def _asks(verb: str, spec: GuardSpec) -> str:
    return f'`tripflag {verb} {spec.name} --reason "..."`'


def _clears(spec: GuardSpec, state: GuardState) -> Nexts:
    if state.suspicion is None:
        return ()
    left = max(1, spec.clear_passes - state.suspicion.passes)
    return (f"or, to clear it: {left} more passing {_runs(left)} in a row",)


# --- by phase ------------------------------------------------------------------------------------


def _armed(spec: GuardSpec, state: GuardState, _: datetime) -> Nexts:
    if state.judged_at is None:
        return ("a first run that judges: none has come in yet",)
    if state.failing:
        return (
            f"nothing yet: {', '.join(state.failing)} failed last, below every limit; the next run "
            "of it is asked for at once",
        )
    return ("nothing: the widget is healthy",)


def _suspect(spec: GuardSpec, state: GuardState, now: datetime) -> Nexts:
    wanted = needs(spec, state, now) or ("nothing: the next run or control makes it act",)
    return (*(f"to act: {text}" for text in wanted), *_clears(spec, state))


def _blind(spec: GuardSpec, state: GuardState, now: datetime) -> Nexts:
    if state.silent(spec, now):
        return (
            f"a run that comes in and judges: none has for {span(spec.silent_after_s)}. See "
            "whether the probes are still run",
        )
    return (
        "a run that can judge: one is enough. See below why the last ones could not",
        *_clears(spec, state),
    )


def _site_down(spec: GuardSpec, state: GuardState, now: datetime) -> Nexts:
    return (
        "people must mend the site; the flag stays as it is",
        "to act after all: a control run that passes, and confirmations counted anew from there",
        *_clears(spec, state),
    )


def _powerless(spec: GuardSpec, state: GuardState, now: datetime) -> Nexts:
    return (
        f"people must mend the widget, or make {spec.flag} gate this page",
        "to act after all: a control run without the widget, and confirmations counted anew",
        *_clears(spec, state),
    )


def _killing(spec: GuardSpec, _: GuardState, __: datetime) -> Nexts:
    return (f"the store must take {spec.flag} and read back equal; it is tried until it does",)


def _unverified(spec: GuardSpec, state: GuardState, now: datetime) -> Nexts:
    kill = state.kill
    if kill is None or kill.written_at is None:
        return _killing(spec, state, now)
    end = kill.written_at + timedelta(seconds=spec.propagation.budget_s)
    return (
        f"a proof run that no longer meets it, by {clock(end, now)} UTC; after that the kill has "
        "failed, and people are paged",
    )


def _kill_failed(spec: GuardSpec, state: GuardState, now: datetime) -> Nexts:
    if state.kill is not None and state.kill.written_at is None:
        first = f"the store must take {spec.flag}; it is tried for ever"
    else:
        first = "a proof run that no longer meets it; it is asked for until one does"
    return (first, "a person must look now: users may still meet the fault")


def _killed(spec: GuardSpec, state: GuardState, now: datetime) -> Nexts:
    if state.kill is not None and state.kill.resetting:
        return ("the store must take the gates from before the trip; it is tried until it does",)
    by_hand = f"an operator must reset it, once it is mended: {_asks('reset', spec)}"
    due = ramp_due(spec, state)
    if due is None:
        return (by_hand,)
    return (_next_step(spec, state, due, now), f"or at once: {by_hand}")


def _next_step(spec: GuardSpec, state: GuardState, due: datetime, now: datetime) -> str:
    blocked = ramp_blockers(spec, state, now)
    if blocked:
        return f"the ramp waits: {'; '.join(brief(text) for text in blocked)}"
    return f"the ramp's next step comes by itself at {clock(due, now)} UTC"


def _probation(spec: GuardSpec, state: GuardState, now: datetime) -> Nexts:
    probation = state.probation
    if probation is None:
        return _killed(spec, state, now)
    if probation.restoring:
        return ("the store must take the gates from before the trip; it is tried until it does",)
    if probation.since is None:
        return ("the store must take this step of the ramp; it is tried until it does",)
    if probation.suspect_since is not None:
        return (
            f"to kill again: {_probation_needs(probation.repeated, probation.control)}",
            f"to go on: a passing run of {probation.probe}",
        )
    due = ramp_due(spec, state)
    if due is not None:
        return (_next_step(spec, state, due, now),)
    left = spec.ramp.passes - probation.passes
    baked = probation.since + timedelta(seconds=spec.ramp.bake_s)
    return (
        f"{left} more passing {_runs(left)} with the flag seen, and not before "
        f"{clock(baked, now)} UTC: then the next step",
        "one failed run that fails again beside a passing control kills anew",
    )


def _probation_needs(repeated: bool, control: ControlFinding | None) -> str:
    wanted = []
    if not repeated:
        wanted.append("another failed run with the flag seen")
    if control is None:
        wanted.append("a control run that passes")
    return ", and ".join(wanted) or "the next run or control"


def _human_off(spec: GuardSpec, _: GuardState, __: datetime) -> Nexts:
    exposing = "off" if spec.acts_to else "on"
    return (f"a person must turn {spec.flag} {exposing} again; the guard never does",)


def _hands_off(spec: GuardSpec, state: GuardState, now: datetime) -> Nexts:
    ends = tuple(text for holds, text in _allowed(spec, state, now)[:2] if holds)
    if state.suspicion is None:
        return (*ends, "then: nothing, unless a rule is breached")
    return (*ends, *_suspect(spec, state, now))


def _latched(spec: GuardSpec, state: GuardState, _: datetime) -> Nexts:
    return (f"an operator must reset it, with what they found: {_asks('reset', spec)}",)


_NEXT: dict[Phase, Callable[[GuardSpec, GuardState, datetime], Nexts]] = {
    Phase.OBSERVE: _armed,
    Phase.ARMED: _armed,
    Phase.SUSPECT: _suspect,
    Phase.BLIND: _blind,
    Phase.SITE_DOWN: _site_down,
    Phase.POWERLESS: _powerless,
    Phase.KILLING: _killing,
    Phase.KILLED_UNVERIFIED: _unverified,
    Phase.KILLED: _killed,
    Phase.KILL_FAILED: _kill_failed,
    Phase.PROBATION: _probation,
    Phase.HUMAN_OFF: _human_off,
    Phase.HUMAN_ON: _hands_off,
    Phase.HELD: _hands_off,
    Phase.LATCHED: _latched,
}
