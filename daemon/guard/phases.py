"""PURE: `docs/phases.md`, from the code: the words of each phase, and what the machine really does.

The table of transitions is found, not written: from a new guard, everything that can happen is
tried in every state that was reached, until nothing new comes. `python -m daemon.guard.phases`
prints the page.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from config.schema import GuardSpec
from daemon.guard import Evidence, GuardRefuses, GuardState, Phase, advance, phase
from daemon.guard.blocks import fails_beside_control
from daemon.guard.messages import (
    FlagSeen,
    FlipApplied,
    FlipFailed,
    OperatorAsked,
    TimePassed,
)
from daemon.guard.words import WORDS
from daemon.verdict import ControlFinding, ControlRan, Finding, Judgement, ProofRan, Verdict
from probes.model import Outcome, Purpose

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
#: Longer than a hold, a hold-off, a bake and the proof's budget, shorter than silence.
LATER = timedelta(seconds=60)
SILENCE = timedelta(seconds=601)
HOLD_S = 30
SILENT = "time passes, and no run judges"

#: The shortest limits that still tell every step of the way apart.
SHORT: dict[str, Any] = {
    "name": "shortest",
    "flag": "widget",
    "mode": "enforce",
    "probes": ["page"],
    "control": "control",
    "proof": "proof",
    "rules": [{"rule": "consecutive_failures", "limit": 1}],
    "confirmations": 1,
    "hard_confirmations": 1,
    "clear_passes": 1,
    "blind_after": 2,
    "kills_per_day": 2,
    "silent_after_s": 600,
    "human_on_s": 30,
    "propagation": {"budget_s": 30},
    "recovery": "ramp",
    "ramp": {"actor": "probe", "percentages": [50], "bake_s": 30, "passes": 1, "hold_off_s": 10},
}

#: Makes what a guard is told; None where it cannot happen in that state.
Happening = Callable[[GuardSpec, GuardState, datetime], Evidence | None]


@dataclass(frozen=True, slots=True)
class Transition:
    """Where one thing leads from one phase."""

    what: str
    before: Phase
    after: Phase


def _run(outcome: Outcome) -> Happening:
    def happen(_: GuardSpec, __: GuardState, now: datetime) -> Evidence:
        failed = outcome is Outcome.FAILED
        judgement = Judgement.UNHEALTHY if failed else Judgement.HEALTHY
        if not outcome.judges:
            judgement = Judgement.UNKNOWN
        return Verdict(
            judgement=judgement,
            run_id=now.isoformat(),
            run_probe="page",
            run_purpose=Purpose.CONFIRM,
            run_started_at=now,
            run_outcome=outcome,
            run_reason="",
            exposed=True,
            findings=(Finding("consecutive_failures", "page", "local", 1, failed, 1, failed, ""),),
            run_location="local",
        )

    return happen


def _control(finding: ControlFinding) -> Happening:
    return lambda _, __, now: ControlRan(finding, now.isoformat(), now)


def _proof(proven: bool) -> Happening:
    return lambda _, __, now: ProofRan(proven, now.isoformat(), now)


def _owed(state: GuardState) -> str:
    """Say which write of the guard's is not yet in the store."""
    kill, probation = state.kill, state.probation
    if kill is None:
        return ""
    if kill.resetting or (probation is not None and probation.restoring):
        return "restore"
    if probation is not None:
        return "step" if probation.since is None else ""
    return "kill" if kill.written_at is None else ""


def _written(owed: str) -> Happening:
    def happen(spec: GuardSpec, state: GuardState, _: datetime) -> Evidence | None:
        if _owed(state) != owed:
            return None
        step = state.probation.step if state.probation and owed == "step" else None
        return FlipApplied(spec.acts_to is (owed == "kill"), owed == "restore", step=step)

    return happen


def _unwritten(spec: GuardSpec, state: GuardState, _: datetime) -> Evidence | None:
    return FlipFailed(spec.acts_to, False, "away", 1) if _owed(state) == "kill" else None


def _flag(on: bool) -> Happening:
    return lambda _, __, now: FlagSeen(on, now)


def _asked(verb: Any) -> Happening:
    def happen(_: GuardSpec, __: GuardState, now: datetime) -> Evidence:
        until = now + timedelta(seconds=HOLD_S) if verb == "hold" else None
        return OperatorAsked(verb, "a person", "because", until)

    return happen


#: Everything that can happen, in words, and how much time goes by before it.
HAPPENINGS: tuple[tuple[str, timedelta, Happening], ...] = (
    ("an exposed run fails", SECOND, _run(Outcome.FAILED)),
    ("a run passes", SECOND, _run(Outcome.PASSED)),
    ("a run cannot judge (`error`, `skipped`)", SECOND, _run(Outcome.ERROR)),
    ("the control passes", SECOND, _control(ControlFinding.PASSES)),
    ("the control fails too", SECOND, _control(ControlFinding.FAILS)),
    ("the control still shows the widget", SECOND, _control(ControlFinding.POWERLESS)),
    ("the control cannot measure", SECOND, _control(ControlFinding.UNKNOWN)),
    ("the kill is in the store, read back equal", SECOND, _written("kill")),
    ("the kill cannot be written, or reads back different", SECOND, _unwritten),
    ("a step of the ramp is in the store", SECOND, _written("step")),
    ("the gates from before the kill are in the store again", SECOND, _written("restore")),
    ("the proof: a fresh browser no longer meets it", SECOND, _proof(True)),
    ("the proof fails within its budget", SECOND, _proof(False)),
    ("the proof fails after its budget", LATER, _proof(False)),
    ("a person turned the flag off", SECOND, _flag(False)),
    ("a person turned the flag on", SECOND, _flag(True)),
    ("an operator trips it", SECOND, _asked("trip")),
    ("an operator resets it", SECOND, _asked("reset")),
    ("an operator holds it", SECOND, _asked("hold")),
    ("an operator releases it", SECOND, _asked("release")),
    ("time passes: a hold, a hold-off or a bake ends", LATER, lambda _, __, ___: TimePassed()),
    (SILENT, SILENCE, lambda _, __, ___: TimePassed()),
)


@cache
def transitions(spec: GuardSpec) -> frozenset[Transition]:
    """Try everything that can happen in every state that a guard can reach."""
    found: set[Transition] = set()
    first = replace(GuardState.new(), flag_value=not spec.acts_to, updated_at=BEGIN)
    known, open_ends = {_facts(spec, first, BEGIN)}, deque([first])
    while open_ends:
        state = open_ends.popleft()
        for found_one, after in _next(spec, state):
            found.add(found_one)
            facts = _facts(spec, after, after.updated_at or BEGIN)
            if facts not in known:
                known.add(facts)
                open_ends.append(after)
    return frozenset(
        each
        for each in found
        # What ends within a minute is told of by the shorter wait.
        if each.before is not each.after and (each.what != SILENT or each.after is Phase.BLIND)
    )


def _next(spec: GuardSpec, state: GuardState) -> Iterator[tuple[Transition, GuardState]]:
    at = state.updated_at or BEGIN
    for what, wait, happen in HAPPENINGS:
        now = at + wait
        told = happen(spec, state, now)
        if told is None:
            continue
        try:
            after, _ = advance(spec, state, told, now)
        except GuardRefuses:
            continue
        # Only what time does is to be put down to time.
        before = phase(spec, state, at if isinstance(told, TimePassed) else now)
        # Every run has an id of its own here, so the ids seen tell nothing apart.
        yield Transition(what, before, phase(spec, after, now)), replace(after, seen=())


def _facts(spec: GuardSpec, state: GuardState, now: datetime) -> tuple[object, ...]:
    """Tell states apart by what the machine asks of them; times count as set, unset or over."""
    suspicion, kill, probation = state.suspicion, state.kill, state.probation
    return (
        phase(spec, state, now),
        state.flag_value,
        min(state.invalid_streak, spec.blind_after),
        min(len(state.kills), spec.kills_per_day),
        min(len(state.failed_kills), 2),
        bool(state.latched),
        state.held(now),
        state.human_on(spec, now),
        state.human_off(spec),
        state.incident and state.incident.cause,
        suspicion
        and (
            suspicion.breached,
            suspicion.control,
            bool(suspicion.confirmed),
            fails_beside_control(suspicion),
            min(suspicion.failures, spec.hard_confirmations),
        ),
        kill and (bool(kill.written_at), bool(kill.verified_at), bool(kill.failed_at)),
        kill and kill.resetting,
        probation
        and (probation.step, bool(probation.since), probation.passes > 0, probation.restoring),
        probation and (bool(probation.suspect_since), probation.repeated, probation.control),
    )


def page() -> str:
    """Return `docs/phases.md`."""
    spec = GuardSpec.model_validate(SHORT)
    found = transitions(spec) | transitions(spec.model_copy(update={"mode": "observe"}))
    lines = [_HEAD, *_phase_table(), _MIDDLE, *_transition_table(found)]
    return "\n".join(lines) + "\n"


def _phase_table() -> Iterator[str]:
    for label in Phase:
        words = WORDS[label]
        means = words.means.format(flag="the flag", act="off")
        means = means[0].upper() + means[1:]
        yield f"| **{label.name}** | {means} | {words.facts} | {words.yours} |"


def _transition_table(found: frozenset[Transition]) -> Iterator[str]:
    order = {label: number for number, label in enumerate(Phase)}
    for what, _, _ in HAPPENINGS:
        reached: dict[tuple[Phase, ...], list[Phase]] = {}
        for after in Phase:
            sources = {each.before for each in found if (each.what, each.after) == (what, after)}
            if sources:
                reached.setdefault(tuple(sorted(sources, key=order.__getitem__)), []).append(after)
        for before, after_all in reached.items():
            yield f"| {what} | {_names(before)} | {_names(after_all)} |"


def _names(labels: tuple[Phase, ...] | list[Phase]) -> str:
    return ", ".join(label.name for label in labels)


_HEAD = """\
# The phases of a guard

Made from the code by `make docs`; a test fails where the two differ. Facts are stored, and the
phase is derived from them: the most urgent fact wins. "Off" is what the act writes; where the act
is `fallback`, read on for off.

## What each means

| phase | what is so | derived from | yours to do |
|---|---|---|---|"""

_MIDDLE = """
## What leads where

Found by trying everything in every state that a guard can reach, with the shortest limits: one
confirmation, one passing run to clear, blind after two runs, two kills in 24 h, and a ramp with one
share. A pair that is not here cannot happen. What stands in "from" can lead to what stands in "to";
which of several depends on the other facts, such as a hold under which a suspicion goes on.

| what happens | from | to |
|---|---|---|"""


if __name__ == "__main__":
    sys.stdout.write(page())
