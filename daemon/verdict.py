"""PURE: what the rules conclude from runs. Types only; `daemon.rules` makes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from probes.model import Outcome, Purpose


class Judgement(StrEnum):
    """What the rules conclude. UNKNOWN never trips and never clears."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule over one probe at one location: `observed` against `limit`, in the rule's unit.

    `since`: start of the first run that speaks for a breach; None where none does.
    `by_finished_runs`: a run that came through can be part of the breach, as a slow one is.
    """

    rule: str
    probe: str
    location: str
    severity: int
    observed: float
    limit: float
    breached: bool
    text: str
    since: datetime | None = None
    by_finished_runs: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules conclude when one run has come in; `run_*` describe that run.

    `exposed`: that run's page was told the flag value under which users meet the flagged thing;
    None where the page got no readable answer. `attributable`: the run speaks of the flagged thing
    alone, page or not, as a query that its rule calls so does.
    """

    judgement: Judgement
    run_id: str
    run_probe: str
    run_purpose: Purpose
    run_started_at: datetime
    run_outcome: Outcome
    run_reason: str
    exposed: bool | None
    findings: tuple[Finding, ...] = ()
    run_location: str = ""
    run_hard: bool = False
    attributable: bool = False
    kind: Literal["verdict"] = "verdict"

    @property
    def breached(self) -> tuple[Finding, ...]:
        """The findings at or past their limit, the most severe first."""
        return tuple(sorted((f for f in self.findings if f.breached), key=lambda f: f.severity))

    @property
    def speaks_against(self) -> bool:
        """True where this very run is part of a breach: one that passed confirms no failures."""
        return any(
            (f.probe, f.location) == (self.run_probe, self.run_location)
            and (self.run_outcome is Outcome.FAILED or f.by_finished_runs)
            for f in self.breached
        )


class ControlFinding(StrEnum):
    """What a run with the act's effect forced says about the rest of the page.

    PASSES: the page is whole without the flagged thing, so a kill would help. FAILS: it is broken
    all the same: the site is at fault, or the fallback is. POWERLESS: the flagged thing is still
    there, so the flag does not gate this page. UNKNOWN: could not be measured.
    """

    PASSES = "passes"
    FAILS = "fails"
    POWERLESS = "powerless"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ControlRan:
    """A control's finding. `location`: empty where the journal is older than the field."""

    finding: ControlFinding
    run_id: str
    started_at: datetime
    reason: str = ""
    location: str = ""
    kind: Literal["control"] = "control"


@dataclass(frozen=True, slots=True)
class ProofRan:
    """Whether a fresh browser no longer meets the flagged thing after the act."""

    proven: bool
    run_id: str
    started_at: datetime
    reason: str = ""
    kind: Literal["proof"] = "proof"
