"""PURE: which runs a guard asks for, so that it knows soon and no run is asked for twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from config.schema import GuardSpec
from daemon.guard.blocks import AGAINST, confirmed_enough, control_fresh, fails_beside_control
from daemon.guard.kill import Next
from daemon.guard.messages import Decision, RunProbe
from daemon.guard.state import GuardState, Suspicion
from daemon.verdict import ControlFinding, Verdict
from probes.model import Outcome, Purpose


def ask_for_runs(
    spec: GuardSpec,
    state: GuardState,
    suspicion: Suspicion,
    now: datetime,
    control_passed: bool,
) -> Next:
    """Ask for what is missing before the act: runs that confirm, and a control beside them."""
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
        state, pair = ask_pair(spec, state, suspicion, now)
        return state, (pair,)
    asked: list[Decision] = []
    if run_wanted:
        asked.append(RunProbe(suspicion.probe, Purpose.CONFIRM))
        suspicion = replace(suspicion, confirm_asked_at=now)
    if control_wanted:
        # A control that just failed is asked again after a moment, not in a tight loop.
        wait = timedelta(seconds=0 if suspicion.control is None else spec.propagation.retry_s)
        # Where the thing fails: another location's control says nothing of it.
        where = suspicion.probe
        asked.append(RunProbe(spec.control, Purpose.CONTROL, not_before=now + wait, where=where))
        suspicion = replace(suspicion, control_asked_at=now)
    return replace(state, suspicion=suspicion), tuple(asked)


def ask_pair(
    spec: GuardSpec, state: GuardState, suspicion: Suspicion, now: datetime, fresh: bool = False
) -> tuple[GuardState, RunProbe]:
    """Ask for a run and its control, seconds apart in one worker; each goes first in its turn."""
    suspicion = replace(suspicion, control_asked_at=now, confirm_asked_at=now)
    pair = RunProbe(
        suspicion.probe,
        Purpose.CONFIRM,
        trace=True,
        control=spec.control,
        control_first=state.pairs % 2 == 0,
        fresh=fresh,
    )
    return replace(state, suspicion=suspicion, pairs=state.pairs + 1), pair


def look_again(spec: GuardSpec, state: GuardState, verdict: Verdict, now: datetime) -> Next:
    """Below every limit, but somebody may be in trouble: look again at once, not in turn."""
    if is_asked_last(verdict, state.look_asked_at):
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


def pair_anew(spec: GuardSpec, suspicion: Suspicion, now: datetime) -> RunProbe:
    """Give the pair that a suspicion needs whose runs are lost.

    The control goes first where a failure is young enough to stand beside it.
    """
    failed = suspicion.failed_at
    young = failed is not None and (now - failed).total_seconds() <= spec.control_max_age_s
    return RunProbe(
        suspicion.probe, Purpose.CONFIRM, control=spec.control, control_first=young, fresh=True
    )


def soon_asked(spec: GuardSpec, state: GuardState, now: datetime) -> tuple[str, ...]:
    """Name the probes that will be asked for as soon as a little more is known.

    Only for a while: what a guard has not found out by then may keep it waiting for hours.
    """
    kill, suspicion, probation = state.kill, state.suspicion, state.probation
    if kill is not None and kill.verified_at is None:
        return (spec.proof,) if kill.failed_at is None else ()
    if probation is not None:
        begun = probation.suspect_since
    elif suspicion is not None and suspicion.control not in AGAINST:
        noted = suspicion.would_trip_noted and spec.mode == "observe"
        begun = None if noted or state.held(now) else suspicion.since
    else:
        begun = None
    suspects = begun is not None and (now - begun).total_seconds() <= 2 * spec.control_max_age_s
    if suspects or _under_way(spec, state.look_asked_at, now):
        return (*spec.probes, spec.proof)
    return ()


def run_again(spec: GuardSpec, probe: str, now: datetime) -> RunProbe:
    """Ask for a run that could not judge once more, after a moment."""
    due = now + timedelta(seconds=spec.propagation.retry_s)
    return RunProbe(probe, Purpose.CONFIRM, trace=True, not_before=due)


def is_asked_last(verdict: Verdict, asked_at: datetime | None) -> bool:
    """Say whether a run came of the last asking, not of an older one."""
    # One order runs at every location: only the first to come in may lead to the next order.
    came = verdict.run_purpose is Purpose.CONFIRM and asked_at is not None
    return came and asked_at is not None and verdict.run_started_at >= asked_at


def _under_way(spec: GuardSpec, asked_at: datetime | None, now: datetime) -> bool:
    """Say whether a run asked for may still come; one that is lost is asked for anew."""
    return asked_at is not None and (now - asked_at).total_seconds() <= spec.control_max_age_s
