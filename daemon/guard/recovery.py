"""PURE: how exposure comes back by itself, where a person wrote `recovery: ramp`.

First for the probe's own id, which no user has; then for the configured shares of the users; last
the snapshot. Each step is judged more tightly than a flag that is on: one failed run that fails
again beside a passing control kills anew.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from config.schema import GuardSpec
from daemon.guard.blocks import hands_off
from daemon.guard.kill import Next, share_in_words, trip_again
from daemon.guard.messages import Flip, Note, Page, RunProbe, Share, TimePassed
from daemon.guard.state import GuardState, Probation
from daemon.verdict import ControlFinding, ControlRan, Verdict
from probes.model import Outcome, Purpose


def is_due(spec: GuardSpec, state: GuardState, now: datetime) -> bool:
    """Say whether time alone has changed something, so that the guard wants to be told."""
    if state.silent(spec, now) and not state.silence_told:
        return True
    due = ramp_due(spec, state)
    return due is not None and due <= now and not ramp_blockers(spec, state, now)


def exposes(spec: GuardSpec, state: GuardState, now: datetime) -> bool:
    """Say whether a run must be able to judge by now: the flagged thing should be met."""
    if state.probation is None:
        return state.kill is None and not state.human_off(spec)
    since = state.probation.since
    # Caches hold the step back from the page for so long.
    return since is not None and (now - since).total_seconds() > spec.propagation.budget_s


def ramp_due(spec: GuardSpec, state: GuardState) -> datetime | None:
    """Say when the next step of the ramp may come; None: nothing leads there by itself."""
    kill, probation = state.kill, state.probation
    if spec.recovery != "ramp" or kill is None or kill.verified_at is None or kill.resetting:
        return None
    if kill.by != "guard":
        return None  # a person turned it off: only a person turns it on again
    if probation is None:
        return kill.verified_at + timedelta(seconds=hold_off_s(spec, state))
    baked = probation.since is not None and probation.passes >= spec.ramp.passes
    if not baked or probation.restoring or probation.suspect_since is not None:
        return None
    return probation.since and probation.since + timedelta(seconds=spec.ramp.bake_s)


def hold_off_s(spec: GuardSpec, state: GuardState) -> float:
    """Seconds from a proven kill to the first step; each kill of the last 24 h doubles them."""
    doubled = spec.ramp.hold_off_s * 2.0 ** max(0, len(state.kills) - 1)
    return min(spec.ramp.hold_off_cap_s, doubled)


def ramp_blockers(spec: GuardSpec, state: GuardState, now: datetime) -> tuple[str, ...]:
    """Say everything that keeps a ramp from its next step, time and passes aside."""
    reasons = (
        (spec.mode == "observe", "observe mode: raises no exposure"),
        (
            state.probation is not None and state.invalid_streak >= spec.blind_after,
            f"blind: {state.invalid_streak} runs in a row could not judge",
        ),
        (state.silent(spec, now), f"blind: no run has judged for {spec.silent_after_s:g} s"),
        *hands_off(spec, state, now),
    )
    return tuple(text for holds, text in reasons if holds)


def on_time(spec: GuardSpec, state: GuardState, _: TimePassed, now: datetime) -> Next:
    if state.silent(spec, now) and not state.silence_told:
        text = f"BLIND: no run has judged for {spec.silent_after_s:g} s"
        return replace(state, silence_told=True), (Page(text, severity=3),)
    due = ramp_due(spec, state)
    if due is not None and due <= now:
        return _step(spec, state, state.probation, now)
    return state, ()


def on_verdict(spec: GuardSpec, state: GuardState, verdict: Verdict, now: datetime) -> Next:
    probation = state.probation
    if probation is None or probation.since is None or verdict.exposed is not True:
        return state, ()
    if state.kill is None or state.kill.resetting:
        return state, ()  # a person's reset is under way: theirs is the newer word
    if verdict.run_outcome is Outcome.FAILED or verdict.speaks_against:
        return _on_failure(spec, state, probation, verdict, now)
    if probation.suspect_since is not None:
        # What failed did not fail again; but its passes start anew.
        if verdict.run_probe != probation.probe or verdict.run_started_at < probation.suspect_since:
            return state, ()
        if _is_elsewhere(spec, probation, verdict, now):
            return state, ()
        probation = _unsuspected(probation)
    state = replace(state, probation=replace(probation, passes=probation.passes + 1))
    due = ramp_due(spec, state)
    if due is None or due > now:
        return state, ()
    return _step(spec, state, state.probation, now)


def on_control(spec: GuardSpec, state: GuardState, control: ControlRan, now: datetime) -> Next:
    probation = state.probation
    if probation is None or state.kill is None or state.kill.resetting:
        return state, ()
    if control.location and control.location != probation.location:
        return state, ()  # what the site does elsewhere explains nothing here
    asked = probation.asked_at
    came = asked is not None and control.started_at >= asked
    if came:
        probation = replace(probation, asked_at=None)
        state = replace(state, probation=probation)
    if probation.suspect_since is None or control.started_at < probation.suspect_since:
        return state, ()
    if control.finding is ControlFinding.UNKNOWN:
        if not came:
            return state, ()  # another's, and one of ours is still under way
        wait = timedelta(seconds=spec.propagation.retry_s)
        where = probation.probe
        again = RunProbe(spec.control, Purpose.CONTROL, not_before=now + wait, where=where)
        return replace(state, probation=replace(probation, asked_at=now)), (again,)
    if control.finding is ControlFinding.FAILS:
        text = f"the control fails too: the site is at fault, the ramp waits: {control.reason}"
        probation = replace(probation, control_failed_at=control.started_at)
        return _wait(state, probation, Note(text))
    probation = replace(probation, control=control.finding, control_at=control.started_at)
    return _kill_if_proven(spec, replace(state, probation=probation), now)


def _on_failure(
    spec: GuardSpec, state: GuardState, probation: Probation, verdict: Verdict, now: datetime
) -> Next:
    first = probation.suspect_since is None
    if _is_elsewhere(spec, probation, verdict, now):
        return replace(state, probation=replace(probation, passes=0)), ()
    first = first or probation.location not in ("", verdict.run_location)
    why = verdict.run_reason or next((finding.text for finding in verdict.breached), "")
    probation = replace(
        probation,
        passes=0,
        suspect_since=verdict.run_started_at if first else probation.suspect_since,
        probe=verdict.run_probe,
        reason=f"{verdict.run_probe}: {why}",
        repeated=not first,
        control=None if first else probation.control,
        control_at=None if first else probation.control_at,
        location=verdict.run_location,
    )
    state = replace(state, pairs=0 if first else state.pairs)
    asked = probation.asked_at
    if not first and _control_fresh(spec, probation, now):
        return _kill_if_proven(spec, replace(state, probation=probation), now)
    if asked is not None and (now - asked).total_seconds() <= spec.control_max_age_s:
        return replace(state, probation=probation), ()
    failed = probation.control_failed_at
    # Asked again at once, a pair whose control fails would lead to the next without end.
    lately = failed is not None and (now - failed).total_seconds() <= spec.control_max_age_s
    wait = timedelta(seconds=spec.propagation.retry_s)
    pair = RunProbe(
        verdict.run_probe,
        Purpose.CONFIRM,
        trace=True,
        not_before=now + wait if lately else None,
        control=spec.control,
        control_first=state.pairs % 2 == 0,
        fresh=True,
    )
    probation = replace(probation, asked_at=now)
    return replace(state, probation=probation, pairs=state.pairs + 1), (pair,)


def _is_elsewhere(spec: GuardSpec, probation: Probation, verdict: Verdict, now: datetime) -> bool:
    """Say whether a run tells of another location than the one that is being looked at.

    Only while that one can be expected to answer: if it fell silent, another takes its place.
    """
    since = probation.suspect_since
    if since is None or probation.location in ("", verdict.run_location):
        return False
    return (now - since).total_seconds() <= spec.control_max_age_s


def _kill_if_proven(spec: GuardSpec, state: GuardState, now: datetime) -> Next:
    probation = state.probation
    if probation is None or not probation.repeated or not _control_fresh(spec, probation, now):
        return state, ()
    if blocked := ramp_blockers(spec, state, now):
        text = f"the ramp fails, but {'; '.join(blocked)}: {probation.reason}"
        return _wait(state, probation, Page(text))
    return trip_again(spec, state, "guard", probation.reason, now)


def _control_fresh(spec: GuardSpec, probation: Probation, now: datetime) -> bool:
    at = probation.control_at
    return at is not None and (now - at).total_seconds() <= spec.control_max_age_s


def _unsuspected(probation: Probation) -> Probation:
    return Probation(
        probation.step,
        probation.since,
        asked_at=probation.asked_at,
        restoring=probation.restoring,
        control_failed_at=probation.control_failed_at,
    )


def _wait(state: GuardState, probation: Probation, why: Note | Page) -> Next:
    """Stay at this step, with its passes to be earned anew; say why once."""
    waiting = replace(_unsuspected(probation), told=True)
    return replace(state, probation=waiting), () if probation.told else (why,)


def _step(spec: GuardSpec, state: GuardState, probation: Probation | None, now: datetime) -> Next:
    if ramp_blockers(spec, state, now):
        return state, ()
    step = 0 if probation is None else probation.step + 1
    if probation is not None and step > len(spec.ramp.percentages):
        state = replace(state, probation=replace(probation, restoring=True))
        reason = "every step of the ramp passed: the gates as they were before the trip"
        return state, (
            Note(reason),
            Flip(spec.flag, not spec.acts_to, "guard", reason, restore=True),
        )
    percentage = spec.ramp.percentages[step - 1] if step else 0.0
    reason = f"recovery by ramp, step {step} of {len(spec.ramp.percentages)}: " + share_in_words(
        spec, step
    )
    share = Share(spec.ramp.actor or "", percentage)
    flip = Flip(spec.flag, not spec.acts_to, "guard", reason, share=share, step=step)
    return replace(state, probation=Probation(step)), (flip,)
