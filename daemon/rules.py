"""PURE: turn runs into a verdict, with its reasons and the values observed.

Only runs that judge are evidence; an `error` or `skipped` run between two failures neither counts
nor breaks a streak. Runs of one probe at one location are judged on their own, so that a broken
signed-in state is not diluted by a healthy signed-out one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby, takewhile

from config.schema import (
    ConsecutiveFailures,
    FailureRatio,
    GuardSpec,
    RuleSpec,
    StepDuration,
    VitalOverLimit,
)
from daemon.verdict import ControlFinding, ControlRan, Finding, Judgement, ProofRan, Verdict
from probes.model import Outcome, Run

#: Newest runs of a probe that a window may hold; at one run in 5 s, more than half an hour.
WINDOW_RUNS = 120


def judge(guard: GuardSpec, runs: Iterable[Run], latest: Run) -> Verdict:
    """Conclude from a guard's recent runs, of which `latest` has just come in.

    Args:
        guard: whose rules and probes count.
        runs: any order; those of other probes, and controls and proofs, are left out.
        latest: is counted once, whether or not `runs` holds it.

    Returns:
        UNKNOWN if `latest` could not judge, UNHEALTHY if any rule is at its limit, else HEALTHY.
    """
    counted = {run.id: run for run in (*runs, latest) if run.judges and run.probe in guard.probes}
    ordered = sorted(counted.values(), key=lambda r: (r.probe, r.location, r.started_at, r.id))
    findings: list[Finding] = []
    for (probe, _), group in groupby(ordered, key=lambda r: (r.probe, r.location)):
        series = list(group)
        findings += [
            _EVALUATE[type(rule)](rule, series, latest.started_at)
            for rule in guard.rules
            if rule.probes is None or probe in rule.probes
        ]
    if not latest.judges or latest.probe not in guard.probes:
        judgement = Judgement.UNKNOWN
    elif any(finding.breached for finding in findings):
        judgement = Judgement.UNHEALTHY
    else:
        judgement = Judgement.HEALTHY
    seen = _told(guard, latest)
    return Verdict(
        judgement=judgement,
        run_id=latest.id,
        run_probe=latest.probe,
        run_purpose=latest.purpose,
        run_started_at=latest.started_at,
        run_outcome=latest.outcome,
        run_reason=_plain(latest.reason),
        exposed=None if seen is None else seen is not guard.acts_to,
        findings=tuple(findings),
    )


def lookback(guard: GuardSpec) -> int:
    """Say how many of each probe's newest runs the guard's rules can look at."""
    needed = 1
    for rule in guard.rules:
        match rule:
            case ConsecutiveFailures():
                needed = max(needed, rule.limit)
            case StepDuration() | VitalOverLimit():
                needed = max(needed, rule.runs)
            case _:
                needed = max(needed, rule.min_runs, WINDOW_RUNS)
    # Errors and skips lie between the runs that count, and locations share a probe's runs.
    return needed * 2 + 20


def _finding(
    rule: RuleSpec,
    series: Sequence[Run],
    observed: float,
    limit: float,
    text: str,
    against: Sequence[Run],
) -> Finding:
    return Finding(
        rule=rule.rule,
        probe=series[-1].probe,
        location=series[-1].location,
        severity=rule.severity,
        observed=observed,
        limit=limit,
        breached=observed >= limit,
        text=f"{series[-1].probe}: {text}",
        since=against[0].started_at if against else None,
    )


def _trailing(series: Sequence[Run], holds: Callable[[Run], bool]) -> list[Run]:
    streak = list(takewhile(holds, reversed(series)))
    return streak[::-1]


def _consecutive(rule: ConsecutiveFailures, series: Sequence[Run], _: datetime) -> Finding:
    streak = _trailing(series, lambda run: run.outcome is Outcome.FAILED)
    text = f"{len(streak)} failed runs in a row, limit {rule.limit}"
    return _finding(rule, series, len(streak), rule.limit, text, streak)


def _ratio(rule: FailureRatio, series: Sequence[Run], at: datetime) -> Finding:
    since = at - timedelta(seconds=rule.window_s)
    window = [run for run in series if since <= run.started_at <= at]
    failed = [run for run in window if run.outcome is Outcome.FAILED]
    ratio = len(failed) / len(window) if window else 0.0
    text = (
        f"{len(failed)} of {len(window)} runs failed in {rule.window_s:g} s, limit "
        f"{rule.limit:.0%} of at least {rule.min_runs}"
    )
    finding = _finding(rule, series, ratio, rule.limit, text, failed)
    return finding if len(window) >= rule.min_runs else replace(finding, breached=False)


def _step(rule: StepDuration, series: Sequence[Run], _: datetime) -> Finding:
    def duration(run: Run) -> float | None:
        return next((step.duration_s for step in run.steps if step.name == rule.step), None)

    return _over(rule, series, duration, rule.limit_s, rule.runs, f"step {rule.step!r}")


def _vital(rule: VitalOverLimit, series: Sequence[Run], _: datetime) -> Finding:
    def vital(run: Run) -> float | None:
        return None if run.vitals is None else getattr(run.vitals, rule.vital)

    return _over(rule, series, vital, rule.limit, rule.runs, rule.vital)


def _over(
    rule: RuleSpec,
    series: Sequence[Run],
    measure: Callable[[Run], float | None],
    limit: float,
    runs: int,
    what: str,
) -> Finding:
    # A run that did not measure the value says nothing about it: it is left out, not counted as 0.
    measured = [run for run in series if measure(run) is not None]
    streak = _trailing(measured, lambda run: (measure(run) or 0.0) >= limit)
    last = (measure(measured[-1]) or 0.0) if measured else 0.0
    text = f"{what} {last:.3g}, at or over {limit:g} in {len(streak)} runs in a row, limit {runs}"
    return _finding(rule, series, float(len(streak)), float(runs), text, streak)


_EVALUATE: dict[type, Callable[..., Finding]] = {
    ConsecutiveFailures: _consecutive,
    FailureRatio: _ratio,
    StepDuration: _step,
    VitalOverLimit: _vital,
}


def judge_control(run: Run) -> ControlRan:
    """Conclude from a control run. A control that could not measure concludes nothing."""
    if run.outcome in (Outcome.PASSED, Outcome.DEGRADED):
        finding = ControlFinding.PASSES
    elif run.outcome is Outcome.FAILED:
        rendered = run.exposure is not None and run.exposure.rendered is True
        finding = ControlFinding.POWERLESS if rendered else ControlFinding.FAILS
    else:
        finding = ControlFinding.UNKNOWN
    return ControlRan(finding, run.id, run.started_at, _plain(run.reason))


def judge_proof(guard: GuardSpec, run: Run) -> ProofRan:
    """Conclude from a proof run: proven only if the page was told the new value and is whole."""
    told = _told(guard, run) is guard.acts_to
    whole = run.outcome in (Outcome.PASSED, Outcome.DEGRADED)
    gone = run.exposure is None or run.exposure.rendered is not True
    reason = _plain(run.reason)
    if whole and not told:
        reason = "the toggle service still answers the old value"
    elif whole and not gone:
        reason = "the page still shows the flagged thing"
    return ProofRan(told and whole and gone, run.id, run.started_at, reason)


def _told(guard: GuardSpec, run: Run) -> bool | None:
    # A probe that two guards share records the exposure of one flag only.
    exposure = run.exposure
    return exposure.value if exposure is not None and exposure.flag == guard.flag else None


def _plain(text: str) -> str:
    # A page can put half a surrogate pair into an error message. No UTF-8 can hold it, so the
    # journal would refuse the whole turn and the guard would never hear of the run.
    return text.encode("utf-8", "replace").decode("utf-8")
