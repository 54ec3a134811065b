"""PURE: rules on so many runs in a row.

A run that did not measure a rule's value says nothing about it: it neither counts nor ends a row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache

from config.schema import (
    AccessibilityViolations,
    ConsecutiveFailures,
    ConsoleErrors,
    PromqlOverLimit,
    StepDuration,
    VitalOverLimit,
)
from daemon.rules.series import Series
from daemon.verdict import Finding
from probes.model import Outcome, Run, Violation

_IMPACTS = ("minor", "moderate", "serious", "critical")

InARow = StepDuration | VitalOverLimit | AccessibilityViolations | ConsoleErrors | PromqlOverLimit


def consecutive_failures(rule: ConsecutiveFailures, series: Series) -> Finding:
    streak: list[Run] = []
    for run in reversed(series.runs):
        if run.outcome is not Outcome.FAILED:
            break
        streak.append(run)
    runs = "run" if len(streak) == 1 else "runs"
    text = f"{len(streak)} failed {runs} in a row, limit {rule.limit}"
    return series.find(rule, len(streak), rule.limit, text, streak[::-1])


def step_duration(rule: StepDuration, series: Series) -> Finding:
    def measure(run: Run) -> float | None:
        return step_s(run, rule.step)

    return _in_a_row(rule, series, measure, rule.limit_s, f"step {rule.step!r}", " s")


def vital(rule: VitalOverLimit, series: Series) -> Finding:
    def measure(run: Run) -> float | None:
        return None if run.vitals is None else getattr(run.vitals, rule.vital)

    return _in_a_row(rule, series, measure, rule.limit, rule.vital)


def accessibility(rule: AccessibilityViolations, series: Series) -> Finding:
    """Count the elements that break a rule of axe's; without a baseline all of them are new."""

    def measure(run: Run) -> float | None:
        return None if run.violations is None else len(counted(run.violations))

    def counted(violations: tuple[Violation, ...]) -> set[tuple[str, str]]:
        impacts = _IMPACTS[_IMPACTS.index(rule.impact) :]
        found = {(each.rule, each.target) for each in violations if each.impact in impacts}
        return found - series.known if rule.new_only else found

    new = "new " if rule.new_only else ""
    worse = "" if rule.impact == "critical" else " or worse"
    what = f"{new}accessibility violations of impact {rule.impact}{worse}:"
    return _in_a_row(rule, series, measure, rule.limit, what)


def console_errors(rule: ConsoleErrors, series: Series) -> Finding:
    def measure(run: Run) -> float | None:
        if not run.browser and not run.console_errors:
            return None  # no browser, so no console that could have been silent
        return sum(not harmless(error) for error in run.console_errors)

    @cache  # a broken page says the same in every run
    def harmless(error: str) -> bool:
        return any(re.search(pattern, error) for pattern in rule.allow)

    return _in_a_row(rule, series, measure, rule.limit, "console errors:")


def promql(rule: PromqlOverLimit, series: Series) -> Finding:
    def measure(run: Run) -> float | None:
        # NaN is no number to compare, and Prometheus answers it for a ratio over no requests.
        return None if run.value is None or math.isnan(run.value) else run.value

    return _in_a_row(rule, series, measure, rule.limit, "the query's value is")


def step_s(run: Run, step: str) -> float | None:
    """Return how long a step took; None where the run did not come to it."""
    return next((each.duration_s for each in run.steps if each.name == step), None)


def _in_a_row(
    rule: InARow,
    series: Series,
    measure: Callable[[Run], float | None],
    limit: float,
    what: str,
    unit: str = "",
) -> Finding:
    streak: list[Run] = []
    last: float | None = None
    for run in reversed(series.runs):
        value = measure(run)
        if value is None:
            continue
        last = value if last is None else last
        if value < limit:
            break
        streak.append(run)
    if last is None:
        text = f"{what} not measured in any of {len(series.runs)} runs"
    else:
        text = (
            f"{what} {last:.6g}{unit}, at or over {limit:g}{unit} in {len(streak)} runs in a row, "
            f"limit {rule.runs}"
        )
    return series.find(rule, float(len(streak)), float(rule.runs), text, streak[::-1])
