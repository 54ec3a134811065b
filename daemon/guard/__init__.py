"""PURE: fold what happened into a guard's state, and say what should be done.

The guard's own authority is the act (flag off, or fallback on). It never raises exposure: only a
person's reset does that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from config.schema import GuardSpec
from daemon.guard.blocks import blockers
from daemon.guard.control import on_control
from daemon.guard.kill import Next, on_applied, on_failed, on_proof
from daemon.guard.messages import (
    Decision,
    Evidence,
    FlagSeen,
    FlipApplied,
    FlipFailed,
    GuardRefuses,
    OperatorAsked,
    TimePassed,
)
from daemon.guard.people import on_flag, on_operator
from daemon.guard.recovery import is_due, on_time
from daemon.guard.state import GuardState, Phase, phase
from daemon.guard.suspicion import on_verdict
from daemon.verdict import ControlRan, ProofRan, Verdict

__all__ = [
    "Decision",
    "Evidence",
    "GuardRefuses",
    "GuardState",
    "Phase",
    "advance",
    "blockers",
    "is_due",
    "phase",
]


def advance(spec: GuardSpec, state: GuardState, evidence: Evidence, now: datetime) -> Next:
    """Fold one piece of evidence into a guard and say what should be done.

    Pure: reads no clock, does no I/O; equal arguments give equal results.

    Args:
        spec: limits count runs; names ending in `_s` are seconds.
        state: what the last call returned (`GuardState.new()` at first).
        evidence: a verdict, a control's or proof's finding, what became of a flip, the flag's
            value, an operator's command, or the time.
        now: aware UTC, not before `state.updated_at`.

    Returns:
        The next state, and the decisions in the order in which they must be applied.

    Raises:
        ValueError: `now` is naive or runs backwards.
        GuardRefuses: an operator's command that makes no sense in this state.

    Source: error kept apart from failure after Argo Rollouts' analysis; streaks after Gatus.
    """
    if now.tzinfo is None:
        raise ValueError("now must be an aware time")
    if state.updated_at is not None and now < state.updated_at:
        raise ValueError(f"now {now} is before the state's {state.updated_at}")
    day_ago = now - timedelta(hours=24)
    state = replace(
        state,
        updated_at=now,
        kills=tuple(at for at in state.kills if at > day_ago),
        failed_kills=tuple(at for at in state.failed_kills if at > day_ago),
    )
    fold: Callable[..., Next] = _FOLD[type(evidence)]
    return fold(spec, state, evidence, now)


_FOLD: dict[type, Callable[..., Next]] = {
    Verdict: on_verdict,
    ControlRan: on_control,
    ProofRan: on_proof,
    FlipApplied: on_applied,
    FlipFailed: on_failed,
    FlagSeen: on_flag,
    OperatorAsked: on_operator,
    TimePassed: on_time,
}
