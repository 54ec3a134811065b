"""Which guards a run concerns, and what it tells each of them."""

from __future__ import annotations

from functools import partial

from config.schema import AccessibilityViolations, Config, GuardSpec
from daemon.baselines import accepted
from daemon.guard import Evidence, GuardState
from daemon.rules import judge, judge_control, judge_proof, lookback
from daemon.states import EPOCH, Telling
from daemon.turn import Turn
from probes.model import Purpose, Run


def concerned(config: Config, run: Run) -> list[tuple[GuardSpec, Telling]]:
    """Return the guards that are to be told of a run, in order; what they are told is judged in
    the turn that keeps the run.
    """
    found: list[tuple[GuardSpec, Telling]] = []
    for guard in config.guards.values():
        if run.purpose is Purpose.CONTROL and run.probe == guard.control:
            found.append((guard, partial(_controlled, run)))
        elif run.purpose is Purpose.PROOF and run.probe == guard.proof:
            found.append((guard, partial(_proven, guard, run)))
        elif run.purpose.counts and run.probe in guard.probes:
            found.append((guard, partial(_verdict, guard, run)))
    return found


def _controlled(run: Run, _turn: Turn, _state: GuardState) -> Evidence:
    return judge_control(run)


def _proven(guard: GuardSpec, run: Run, turn: Turn, state: GuardState) -> Evidence:
    decided_at = state.kill.decided_at if state.kill else run.started_at
    seen = turn.runs_seen(guard, run.started_at, None)
    return judge_proof(guard, run, [each for each in seen if each.started_at < decided_at])


def _verdict(guard: GuardSpec, run: Run, turn: Turn, state: GuardState) -> Evidence:
    recent = turn.recent_runs(guard.probes, state.counts_since or EPOCH, lookback(guard))
    looks = any(isinstance(rule, AccessibilityViolations) for rule in guard.rules)
    return judge(guard, recent, run, accepted(turn, guard.probes) if looks else {})
