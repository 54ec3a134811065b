"""PURE: the runs that one rule looks at, and what it finds in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from config.schema import (
    AccessibilityViolations,
    ConsoleErrors,
    LatencyQuantile,
    PromqlOverLimit,
    RuleSpec,
    StepDuration,
    VitalOverLimit,
)
from daemon.verdict import Finding
from probes.model import Run

#: Rules that a run which finished can breach; the others need failures.
BY_FINISHED_RUNS = (
    AccessibilityViolations,
    ConsoleErrors,
    LatencyQuantile,
    PromqlOverLimit,
    StepDuration,
    VitalOverLimit,
)


@dataclass(frozen=True, slots=True)
class Series:
    """Runs of one probe at one location that judge, oldest first; never empty.

    `at`: when the newest run of all started, the end of every window. `known`: the probe's
    accepted violations, as (rule, target).
    """

    runs: tuple[Run, ...]
    at: datetime
    known: frozenset[tuple[str, str]] = frozenset()

    def find(
        self,
        rule: RuleSpec,
        observed: float,
        limit: float,
        text: str,
        against: Sequence[Run],
        *,
        enough: bool = True,
    ) -> Finding:
        """Say what a rule finds; `against`: the runs that speak for a breach, oldest first.

        Args:
            enough: False where too few runs were measured for a breach.
        """
        last = self.runs[-1]
        return Finding(
            rule=rule.rule,
            probe=last.probe,
            location=last.location,
            severity=rule.severity,
            observed=observed,
            limit=limit,
            breached=enough and observed >= limit,
            text=f"{last.probe}: {text}",
            since=against[0].started_at if against else None,
            by_finished_runs=isinstance(rule, BY_FINISHED_RUNS),
        )


def percent(share: float) -> str:
    """Write a share as people read it, without rounding 2.5 % away."""
    return f"{share * 100:.3g} %"
