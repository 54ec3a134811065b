"""What a scenario is: what is broken, when, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from daemon.circuit import CircuitPhase
from daemon.guard import Phase
from daemon.guard.messages import Rows
from tests.faults.acts import ASSESSMENT, FALLBACK_FLAG, OFF, ON, WIDGET, WIDGET_FLAG, Act, Break
from tests.faults.variants import Variant


class Kind(StrEnum):
    """Class of what goes wrong."""

    WIDGET = "widget fault"
    SITE = "site fault"
    PROBE = "probe fault"
    BUSINESS = "business answer"
    FLAG = "flag state"
    HUMAN = "human act"
    MIXED = "mixed and flapping"


class Evidence(StrEnum):
    """What the runs that speak against the widget are."""

    HARD = "hard"
    SOFT = "soft"
    NONE = "none"


#: What each guard's flag is, where a scenario does not say otherwise.
FLAGS: Mapping[str, Rows] = {WIDGET_FLAG: ON, FALLBACK_FLAG: OFF}
FLAG_OF = {WIDGET: WIDGET_FLAG, ASSESSMENT: FALLBACK_FLAG}
ACTS_TO: Mapping[str, Rows] = {WIDGET: OFF, ASSESSMENT: ON}


@dataclass(frozen=True, slots=True)
class Moment:
    """One act, `after_s` the act before it, or after `guard` came into a phase for the nth time."""

    act: Act
    after_s: float = 0
    once: Phase | None = None
    nth: int = 1
    guard: str = WIDGET


@dataclass(frozen=True, slots=True)
class Must:
    """What must come of one guard.

    `phase`: at the end; None: any in which it has not acted. `kills`: how often it decides to act
    by itself. `gates`: of its flag at the end; None: what the act writes where it ends KILLED, else
    what they were. `through`: phases that it passes, in any order. `page`: a person is woken.
    `circuit`: the assessment's at the end. `not_before_s`: its first kill comes no earlier than so
    long after the beginning.
    """

    phase: Phase | None = Phase.ARMED
    kills: int = 0
    gates: Rows | None = None
    through: tuple[Phase, ...] = ()
    page: bool = False
    circuit: CircuitPhase | None = None
    not_before_s: float = 0


UNMOVED = Must()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table.

    `within_s`: from the first act to everything that must be. `runs`: so many of each guarding
    probe must have begun after the last act before nothing is believed to follow; None: 2, or 1
    where a guard kills. `watch_s`: look
    on for so long after the last act at least. `hurry`: run the probes as fast as they go, where no
    time is measured. `calm`: begin only when everything is healthy.
    """

    name: str
    kind: Kind
    broken: str
    moments: tuple[Moment, ...]
    widget: Must = UNMOVED
    assessment: Must = UNMOVED
    evidence: Evidence = Evidence.NONE
    within_s: float = 30
    variant: Variant | None = None
    flags: Mapping[str, Rows] = field(default_factory=dict)
    runs: int | None = None
    watch_s: float = 0
    hurry: bool | None = None
    calm: bool = True
    quick: bool = False

    @property
    def where(self) -> Variant:
        """The configuration: the demo's own where the time to a kill is measured."""
        return self.variant or (Variant.DEMO if self.measured else Variant.LEAN)

    @property
    def musts(self) -> Mapping[str, Must]:
        """What must come of each guard, by its name."""
        return {WIDGET: self.widget, ASSESSMENT: self.assessment}

    @property
    def kills(self) -> int:
        """How many kills must be decided by guards."""
        return self.widget.kills + self.assessment.kills

    @property
    def looks(self) -> int:
        """How many runs of each probe must have begun before nothing is believed to follow."""
        if self.runs is not None:
            return self.runs
        return 1 if self.kills else 2

    @property
    def hurries(self) -> bool:
        """True where the schedule does not matter."""
        return self.kills == 0 if self.hurry is None else self.hurry

    @property
    def measured(self) -> bool:
        """True where the time from the fault to the verified kill is the guard's alone."""
        at_once = all(m.once is None and m.after_s == 0 for m in self.moments)
        faults = all(isinstance(m.act, Break) for m in self.moments)
        ends = all(must.phase is Phase.KILLED for must in self.musts.values() if must.kills)
        once = all(must.kills <= 1 and not must.not_before_s for must in self.musts.values())
        return self.kills > 0 and at_once and faults and ends and once

    def gates_before(self, guard: str) -> Rows:
        """Gates of a guard's flag when the scenario begins."""
        return self.flags.get(FLAG_OF[guard], FLAGS[FLAG_OF[guard]])

    def gates_after(self, guard: str) -> Rows:
        """Gates that a guard's flag must have at the end."""
        must = self.musts[guard]
        if must.gates is not None:
            return must.gates
        killed = must.phase in (Phase.KILLED, Phase.KILL_FAILED)
        return ACTS_TO[guard] if killed else self.gates_before(guard)
