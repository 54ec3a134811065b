"""PURE: rules on shares and quantiles of the runs in a window."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import timedelta

from config.schema import CompletionRate, DropOff, FailureRatio, LatencyQuantile
from daemon.rules.series import Series, percent
from daemon.rules.streaks import step_s
from daemon.verdict import Finding
from probes.model import Outcome, Run

#: Newest runs of a probe that a window may hold; at one run in 5 s, ten minutes.
WINDOW_RUNS = 120

Shares = FailureRatio | CompletionRate | DropOff


def failure_ratio(rule: FailureRatio, series: Series) -> Finding:
    def words(failed: int, runs: int) -> str:
        return f"{failed} of {runs} runs failed"

    return _share(rule, series, _within(series, rule.window_s), _failed, words)


def completion_rate(rule: CompletionRate, series: Series) -> Finding:
    def words(failed: int, runs: int) -> str:
        completed = "unknown" if not runs else percent(1 - failed / runs)
        return f"completion rate {completed}: {failed} of {runs} runs did not come through"

    return _share(rule, series, _within(series, rule.window_s), _failed, words)


def drop_off(rule: DropOff, series: Series) -> Finding:
    """Judge where people would give up: of the runs that reach a step, those that end there."""

    def ends(run: Run) -> bool:
        broken = (step.name for step in run.steps if step.outcome is Outcome.FAILED)
        return _failed(run) and rule.step in broken

    def words(ended: int, reached: int) -> str:
        return f"{ended} of {reached} runs that reached step {rule.step!r} ended there"

    window = _within(series, rule.window_s)
    reached = [run for run in window if any(step.name == rule.step for step in run.steps)]
    return _share(rule, series, reached, ends, words)


def latency_quantile(rule: LatencyQuantile, series: Series) -> Finding:
    """Judge the nearest-rank quantile: the smallest duration that this share of runs keep to.

    A failed run is left out: how long it took is the time-out's figure, not the target's.

    Source: R's type 1; no interpolation, so that the value is one that a run really took.
    """
    measured: list[tuple[float, Run]] = []
    for run in _within(series, rule.window_s):
        took_s = run.duration_s if rule.step is None else step_s(run, rule.step)
        if took_s is not None and not _failed(run):
            measured.append((took_s, run))
    what = "duration" if rule.step is None else f"step {rule.step!r}"
    bound = f"in {rule.window_s:g} s, limit {rule.limit_s:g} s of at least {rule.min_runs}"
    if not measured:
        return series.find(rule, 0.0, rule.limit_s, f"{what} not measured {bound}", ())
    durations = sorted(took_s for took_s, _ in measured)
    observed = durations[_rank(rule.quantile, len(durations)) - 1]
    return series.find(
        rule,
        observed,
        rule.limit_s,
        f"{what} p{rule.quantile * 100:g} {observed:.3g} s of {len(measured)} runs {bound}",
        [run for took_s, run in measured if took_s >= rule.limit_s],
        enough=len(measured) >= rule.min_runs,
    )


def _rank(quantile: float, runs: int) -> int:
    # 0.55 * 100 is 55.00000000000001: without the rounding its rank would be 56.
    return max(1, math.ceil(round(quantile * runs, 9)))


def _failed(run: Run) -> bool:
    return run.outcome is Outcome.FAILED


def _within(series: Series, window_s: float) -> list[Run]:
    since = series.at - timedelta(seconds=window_s)
    return [run for run in series.runs if since <= run.started_at <= series.at]


def _share(
    rule: Shares,
    series: Series,
    runs: Sequence[Run],
    counts: Callable[[Run], bool],
    words: Callable[[int, int], str],
) -> Finding:
    against = [run for run in runs if counts(run)]
    share = len(against) / len(runs) if runs else 0.0
    text = (
        f"{words(len(against), len(runs))} in {rule.window_s:g} s, limit {percent(rule.limit)} of "
        f"at least {rule.min_runs}"
    )
    enough = len(runs) >= rule.min_runs
    return series.find(rule, share, rule.limit, text, against, enough=enough)
