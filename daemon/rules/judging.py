"""PURE: all of a guard's rules over all of its probes.

Only runs that judge are evidence; an `error` or `skipped` run between two failures neither counts
nor breaks a streak. Runs of one probe at one location are judged on their own, so that a broken
signed-in state is not diluted by a healthy signed-out one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from types import MappingProxyType

from config.schema import (
    AccessibilityViolations,
    CompletionRate,
    ConsecutiveFailures,
    ConsoleErrors,
    DropOff,
    FailureRatio,
    GuardSpec,
    LatencyQuantile,
    PromqlOverLimit,
    StepDuration,
    VitalOverLimit,
)
from daemon.rules import streaks, windows
from daemon.rules.controls import plain, told_value
from daemon.rules.series import Series
from daemon.verdict import Finding, Judgement, Verdict
from probes.model import Run

Baselines = Mapping[str, frozenset[tuple[str, str]]]
NO_BASELINES: Baselines = MappingProxyType({})


def judge(
    guard: GuardSpec, runs: Iterable[Run], latest: Run, baselines: Baselines = NO_BASELINES
) -> Verdict:
    """Conclude from a guard's recent runs, of which `latest` has just come in.

    A probe at a location whose newest run that judges started more than `silent_after_s` before
    `latest` is silent: it gives no finding, so old failures never count for new ones.

    Args:
        guard: whose rules and probes count.
        runs: any order; those of other probes, and controls and proofs, are left out.
        latest: is counted once, whether or not `runs` holds it.
        baselines: accepted violations of each probe, as (rule, target).

    Returns:
        UNKNOWN if `latest` could not judge, UNHEALTHY if any rule is at its limit, else HEALTHY.
    """
    found = [
        (rule, _EVALUATE[type(rule)](rule, series))
        for series in _series(guard, runs, latest, baselines)
        for rule in guard.rules
        if (rule.probes is None or series.runs[-1].probe in rule.probes)
        # A number is for the rule on numbers, and all that a query's run has.
        and isinstance(rule, PromqlOverLimit) == (series.runs[-1].value is not None)
    ]
    counts = latest.judges and latest.probe in guard.probes
    if not counts:
        judgement = Judgement.UNKNOWN
    elif any(finding.breached for _, finding in found):
        judgement = Judgement.UNHEALTHY
    else:
        judgement = Judgement.HEALTHY
    told = told_value(guard, latest)
    return Verdict(
        judgement=judgement,
        run_id=latest.id,
        run_probe=latest.probe,
        run_purpose=latest.purpose,
        run_started_at=latest.started_at,
        run_outcome=latest.outcome,
        run_reason=plain(latest.reason),
        exposed=None if told is None else told is not guard.acts_to,
        findings=tuple(finding for _, finding in found),
        run_location=latest.location,
        run_hard=latest.hard,
        attributable=counts
        and any(
            isinstance(rule, PromqlOverLimit) and rule.attributable and _breaches(finding, latest)
            for rule, finding in found
        ),
    )


def lookback(guard: GuardSpec) -> int:
    """Say how many of each probe's newest runs the guard's rules can look at."""
    needed = 1
    for rule in guard.rules:
        match rule:
            case ConsecutiveFailures():
                needed = max(needed, rule.limit)
            case FailureRatio() | LatencyQuantile() | CompletionRate() | DropOff():
                needed = max(needed, rule.min_runs, windows.WINDOW_RUNS)
            case _:
                needed = max(needed, rule.runs)
    # Errors and skips lie between the runs that count, and locations share a probe's runs.
    return needed * 2 + 20


def _series(
    guard: GuardSpec, runs: Iterable[Run], latest: Run, baselines: Baselines
) -> Iterator[Series]:
    counted = {run.id: run for run in (*runs, latest) if run.judges and run.probe in guard.probes}
    ordered = sorted(counted.values(), key=lambda r: (r.probe, r.location, r.started_at, r.id))
    heard_since = latest.started_at - timedelta(seconds=guard.silent_after_s)
    for (probe, _), group in groupby(ordered, key=lambda r: (r.probe, r.location)):
        same = tuple(group)
        if same[-1].started_at >= heard_since:
            yield Series(same, latest.started_at, baselines.get(probe, frozenset()))


def _breaches(finding: Finding, run: Run) -> bool:
    """Say whether the run's own probe, where it ran, breaches the rule."""
    at = (finding.probe, finding.location)
    return finding.breached and at == (run.probe, run.location)


_EVALUATE: dict[type, Callable[..., Finding]] = {
    AccessibilityViolations: streaks.accessibility,
    CompletionRate: windows.completion_rate,
    ConsecutiveFailures: streaks.consecutive_failures,
    ConsoleErrors: streaks.console_errors,
    DropOff: windows.drop_off,
    FailureRatio: windows.failure_ratio,
    LatencyQuantile: windows.latency_quantile,
    PromqlOverLimit: streaks.promql,
    StepDuration: streaks.step_duration,
    VitalOverLimit: streaks.vital,
}
