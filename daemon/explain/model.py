"""PURE: what an explanation holds. Every text of a target's in it is bounded and one line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from daemon.explain.text import lines
from daemon.guard.state import Phase
from daemon.verdict import ControlFinding
from probes.model import Outcome, Purpose


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule over one probe at one location, as of the latest run that judges."""

    rule: str
    probe: str
    location: str
    severity: int
    observed: float
    limit: float
    breached: bool
    text: str


@dataclass(frozen=True, slots=True)
class CountedRun:
    """One run, and what became of it. `counts`: rules looked at it. `confirms`: it can help to
    confirm a breach that is under suspicion now. `why`: why not; empty where it did both, or was
    not asked to.
    """

    id: str
    probe: str
    location: str
    purpose: Purpose
    started_at: datetime
    outcome: Outcome
    hard: bool
    exposed: bool | None
    counts: bool
    confirms: bool
    why: str


@dataclass(frozen=True, slots=True)
class ConfirmedLine:
    """What one location confirmed, against what it takes: so many runs, or so many hard ones."""

    location: str
    runs: int
    runs_needed: int
    hard: int
    hard_needed: int
    enough: bool


@dataclass(frozen=True, slots=True)
class ControlLine:
    """The latest control; `finding` None: none was measured. `limit_s`: how old it may be."""

    finding: ControlFinding | None
    at: datetime | None
    age_s: float | None
    limit_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class LadderLine:
    """One trip with its times. `took_s`: from the first failed run, or else from the decision."""

    by: str
    reason: str
    first_failed_at: datetime | None
    decided_at: datetime
    written_at: datetime | None
    verified_at: datetime | None
    failed_at: datetime | None
    failure: str
    took_s: float | None
    resetting: bool


@dataclass(frozen=True, slots=True)
class FallbackLine:
    """`since` None: not fired."""

    flag: str | None
    circuit: str | None
    since: datetime | None
    reason: str
    written_at: datetime | None
    failure: str


@dataclass(frozen=True, slots=True)
class RampLine:
    """How exposure comes back. `step` None: not begun. `due`: when the next step may come."""

    step: int | None
    share: str
    since: datetime | None
    passes: int
    passes_needed: int
    due: datetime | None
    hold_off_s: float
    blockers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HandsOff:
    """What a person did that keeps the guard's hands off; `until` None: no end by itself."""

    kind: Literal["hold", "human_on", "human_off"]
    text: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a guard is what it is at `at`.

    `since`: None where nothing on record says. `nexts`: what would have to happen next; `blockers`:
    what stands between the guard and its act. `caveats`: what this rests on that may not be so.
    `drill`: empty where the guard has none.
    """

    guard: str
    at: datetime
    flag: str
    acts_to: bool
    flag_value: bool | None
    mode: Literal["observe", "enforce"]
    phase: Phase
    means: str
    yours: str
    since: datetime | None
    why: str
    nexts: tuple[str, ...]
    blockers: tuple[str, ...]
    rules: tuple[RuleLine, ...]
    runs: tuple[CountedRun, ...]
    runs_left_out: int
    confirmed: tuple[ConfirmedLine, ...]
    quorum: int
    control: ControlLine
    kill: LadderLine | None
    kills_24h: int
    kills_per_day: int
    fallback: FallbackLine | None
    ramp: RampLine | None
    hands_off: tuple[HandsOff, ...]
    latched: str
    drill: str
    caveats: tuple[str, ...] = ()

    def text(self) -> str:
        """Return it in lines, for a person at 03:00."""
        return "\n".join(lines(self))
