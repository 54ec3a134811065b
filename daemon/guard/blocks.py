"""PURE: what stands between a guard and its act, in words. Nothing here changes a state."""

from __future__ import annotations

from datetime import datetime

from config.schema import GuardSpec
from daemon.guard.state import GuardState, Suspicion
from daemon.verdict import ControlFinding

#: Controls that say that the act would not help.
AGAINST = (ControlFinding.FAILS, ControlFinding.POWERLESS)


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
        (state.silent(spec, now), f"blind: no run has judged for {spec.silent_after_s:g} s"),
        (not confirmed_enough(spec, suspicion), confirmations_in_words(spec, suspicion)),
        (suspicion.control is None, "the control has not been measured yet"),
        (suspicion.control is ControlFinding.UNKNOWN, "the control could not be measured"),
        (
            suspicion.control is ControlFinding.FAILS,
            "the control fails too: the site is at fault, or what users get without the widget is",
        ),
        (
            suspicion.control is ControlFinding.POWERLESS,
            "the control still shows the widget: the flag does not gate this page",
        ),
        (
            suspicion.control is ControlFinding.PASSES and not control_fresh(spec, suspicion, now),
            f"the control is older than {spec.control_max_age_s:g} s",
        ),
        (
            suspicion.control is ControlFinding.PASSES and not fails_beside_control(suspicion),
            "no run that confirms has begun since the control passed",
        ),
        (state.flag_value is spec.acts_to, "the flag already has the value that the act writes"),
        *hands_off(spec, state, now),
        (
            len(state.kills) >= spec.kills_per_day,
            f"{len(state.kills)} kills in 24 h, the budget is {spec.kills_per_day}",
        ),
        (spec.mode == "observe", "observe mode: decides but does not act"),
    ]
    return tuple(text for holds, text in reasons if holds)


def hands_off(spec: GuardSpec, state: GuardState, now: datetime) -> tuple[tuple[bool, str], ...]:
    """Pair each thing by which a person keeps the guard from acting with whether it holds."""
    hold, human = state.hold, state.human
    until = f" until {hold.until:%Y-%m-%d %H:%M:%S} UTC" if hold and hold.until else ""
    on_until = f" until {human.until:%Y-%m-%d %H:%M:%S} UTC" if human and human.until else ""
    return (
        (state.held(now), f"an operator's hold is in force{until}"),
        (state.human_on(spec, now), f"a person turned the flag on: hands off{on_until}"),
        (state.human_off(spec), "a person already did what the act would do"),
        (bool(state.latched), f"latched: {state.latched}"),
    )


def confirmed_enough(spec: GuardSpec, suspicion: Suspicion) -> bool:
    """Say whether a quorum of locations confirmed the breach, by hard runs or by more soft ones."""
    return _locations(spec, suspicion) >= spec.quorum


def confirmations_in_words(spec: GuardSpec, suspicion: Suspicion) -> str:
    """Say how many runs, at how many locations, confirmed the breach so far."""
    runs = max((each.runs for each in suspicion.confirmed), default=0)
    hard = max((each.hard for each in suspicion.confirmed), default=0)
    text = (
        f"{runs} of {spec.confirmations} confirming runs with the flag seen, or {hard} of "
        f"{spec.hard_confirmations} hard ones"
    )
    if spec.quorum == 1:
        return text
    return f"{text}; {_locations(spec, suspicion)} of {spec.quorum} locations have enough"


def control_fresh(spec: GuardSpec, suspicion: Suspicion, now: datetime) -> bool:
    """Say whether the control was measured so lately that a kill may rest on it."""
    at = suspicion.control_at
    return at is not None and (now - at).total_seconds() <= spec.control_max_age_s


def fails_beside_control(suspicion: Suspicion) -> bool:
    """Say whether it was seen to fail after the control passed, as well as before.

    A site that comes back between the two would otherwise be taken for the widget's fault.
    """
    control, confirmed = suspicion.control_at, suspicion.confirmed_at
    return control is not None and confirmed is not None and confirmed >= control


def _locations(spec: GuardSpec, suspicion: Suspicion) -> int:
    return sum(
        each.runs >= spec.confirmations or each.hard >= spec.hard_confirmations
        for each in suspicion.confirmed
    )
