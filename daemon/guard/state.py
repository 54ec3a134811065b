"""PURE: what a guard remembers.

Facts are stored; the phase is derived from them by `phase()`, so that the two can never disagree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from config.schema import GuardSpec
from daemon.verdict import ControlFinding

#: Run ids remembered to make the same run told twice a no-op; more than can be in flight at once.
SEEN = 128
#: What an incident is blamed on.
Cause = Literal["widget", "site", "powerless", "operator"]


class Phase(StrEnum):
    """Label of a guard's state, for people and metrics."""

    OBSERVE = "observe"
    ARMED = "armed"
    SUSPECT = "suspect"
    BLIND = "blind"
    SITE_DOWN = "site_down"
    POWERLESS = "powerless"
    KILLING = "killing"
    KILLED_UNVERIFIED = "killed_unverified"
    KILLED = "killed"
    KILL_FAILED = "kill_failed"
    PROBATION = "probation"
    HUMAN_OFF = "human_off"
    HUMAN_ON = "human_on"
    HELD = "held"
    LATCHED = "latched"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """How many runs at one location confirmed the breach, and how many of them were hard."""

    location: str
    runs: int = 0
    hard: int = 0


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A breached rule that is not yet a kill.

    `first_failed_at`: start of the first run that spoke against the widget.

    `failures` counts breaching runs since it began; `confirmed` only those of them whose page was
    told the exposing flag value, and that began after a control passed again if one did not.
    `breached`: the rules are still at their limit. `failing_since`: start of the first failure
    since the last pass, `failed_at` of the latest; `failing_at`: which probes failed where, and did
    not pass since. `confirmed_at`: of the latest run that confirmed. `against_at`: locations whose
    latest control says that the act would not help.
    """

    since: datetime
    first_failed_at: datetime
    probe: str
    reason: str
    severity: int
    failures: int = 0
    confirmed: tuple[Confirmed, ...] = ()
    passes: int = 0
    breached: bool = True
    failing_since: datetime | None = None
    failed_at: datetime | None = None
    failing_at: tuple[tuple[str, str], ...] = ()
    confirmed_at: datetime | None = None
    confirm_since: datetime | None = None
    control: ControlFinding | None = None
    control_at: datetime | None = None
    control_reason: str = ""
    control_location: str = ""
    against_at: tuple[str, ...] = ()
    control_asked_at: datetime | None = None
    confirm_asked_at: datetime | None = None
    would_trip_noted: bool = False


@dataclass(frozen=True, slots=True)
class Kill:
    """One trip: decided, then written, then verified; `failed_at` where users may still be hit.

    `proof_due`: when the proof asked for last starts; an older one that comes in asks no further.
    """

    decided_at: datetime
    by: str
    reason: str
    first_failed_at: datetime | None = None
    written_at: datetime | None = None
    verified_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str = ""
    proof_due: datetime | None = None
    resetting: bool = False


@dataclass(frozen=True, slots=True)
class Fired:
    """The fallback was fired: decided, then its flag written; a circuit needs no writing."""

    since: datetime
    reason: str
    written_at: datetime | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Probation:
    """Exposure on its way back: `step` 0 is the probe's own actor, the others the percentages.

    `since`: when the step's flip was written; None while it is not. `passes`: exposed runs that
    passed since then. `suspect_since`: start of an exposed run that failed and is not yet
    explained; `repeated`: another one failed too; `control`: what the control said since then.
    `asked_at`: when runs to explain it were asked for. `told`: people know why nothing follows.
    `location`: where it failed. `control_failed_at`: start of the latest control that failed.
    """

    step: int
    since: datetime | None = None
    passes: int = 0
    suspect_since: datetime | None = None
    probe: str = ""
    reason: str = ""
    repeated: bool = False
    control: ControlFinding | None = None
    control_at: datetime | None = None
    asked_at: datetime | None = None
    told: bool = False
    restoring: bool = False
    location: str = ""
    control_failed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Human:
    """A person's own change of the flag, adopted. `until`: when we stop keeping our hands off."""

    value: bool
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """An operator's "hands off"; `until` None holds until released."""

    by: str
    reason: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """What is open about a guard. `fallback_owed`: it is powerless, and no fallback was fired."""

    id: str
    cause: Cause
    opened_at: datetime
    fallback_owed: bool = False


@dataclass(frozen=True, slots=True)
class GuardState:
    """Everything a guard remembers.

    `counts_since`: runs that started before it say nothing about today's flag. `flag_value`: last
    value known to be in the store. `seen`: latest run ids, so that a run told twice counts once.
    `judged_at`: start of the latest run that judged. `failing`: probes whose latest run failed,
    its page being told the exposing value; `look_asked_at`: when one of them was asked to run
    again, though below every limit. `silence_told`: people know that no run judges any more.
    `pairs`: how often run and control were walked together since the suspicion began, which tells
    whose turn it is to go first.
    """

    updated_at: datetime | None = None
    counts_since: datetime | None = None
    seen: tuple[str, ...] = ()
    invalid_streak: int = 0
    judged_at: datetime | None = None
    failing: tuple[str, ...] = ()
    look_asked_at: datetime | None = None
    silence_told: bool = False
    pairs: int = 0
    suspicion: Suspicion | None = None
    fallback: Fired | None = None
    probation: Probation | None = None
    kill: Kill | None = None
    kills: tuple[datetime, ...] = ()
    failed_kills: tuple[datetime, ...] = ()
    latched: str = ""
    hold: Hold | None = None
    human: Human | None = None
    flag_value: bool | None = None
    incident: Incident | None = None

    @classmethod
    def new(cls) -> GuardState:
        """State of a guard that has seen nothing yet."""
        return cls()

    def saw(self, run_id: str) -> GuardState:
        """Remember a run's id."""
        return replace(self, seen=(*self.seen, run_id)[-SEEN:])

    def held(self, now: datetime) -> bool:
        """True while an operator's hold is in force."""
        return self.hold is not None and (self.hold.until is None or now < self.hold.until)

    def human_on(self, spec: GuardSpec, now: datetime) -> bool:
        """True while a person's turning the flag on is to be respected."""
        human = self.human
        return (
            human is not None
            and human.value is not spec.acts_to
            and (human.until is None or now < human.until)
        )

    def silent(self, spec: GuardSpec, now: datetime) -> bool:
        """True where runs once judged, and none has for too long since, or since the last flip."""
        if self.judged_at is None or self.human_off(spec):
            return False
        if self.kill is not None and (self.probation is None or self.probation.since is None):
            return False  # nobody is exposed, so no run has anything to judge
        at = max(self.judged_at, self.counts_since or self.judged_at)
        return (now - at).total_seconds() > spec.silent_after_s

    def human_off(self, spec: GuardSpec) -> bool:
        """True where a person already did what the act would do."""
        return self.human is not None and self.human.value is spec.acts_to


def phase(spec: GuardSpec, state: GuardState, now: datetime) -> Phase:
    """Derive the label. The most urgent fact wins."""
    kill = state.kill
    if kill is not None and kill.verified_at is None:
        if kill.failed_at is not None:
            return Phase.KILL_FAILED
        return Phase.KILLING if kill.written_at is None else Phase.KILLED_UNVERIFIED
    ordered = (
        (bool(state.latched), Phase.LATCHED),
        (state.probation is not None, Phase.PROBATION),
        (kill is not None, Phase.KILLED),
        (state.held(now), Phase.HELD),
        (state.human_off(spec), Phase.HUMAN_OFF),
        (state.human_on(spec, now), Phase.HUMAN_ON),
        (state.invalid_streak >= spec.blind_after or state.silent(spec, now), Phase.BLIND),
        (_control_is(state, ControlFinding.FAILS), Phase.SITE_DOWN),
        (_control_is(state, ControlFinding.POWERLESS), Phase.POWERLESS),
        (state.suspicion is not None, Phase.SUSPECT),
        (spec.mode == "observe", Phase.OBSERVE),
    )
    return next((label for holds, label in ordered if holds), Phase.ARMED)


def _control_is(state: GuardState, finding: ControlFinding) -> bool:
    return (
        state.suspicion is not None
        and state.suspicion.control is finding
        and state.incident is not None
    )
