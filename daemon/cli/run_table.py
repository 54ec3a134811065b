"""What many runs of one probe come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from daemon.cli.terminal import outcome_text, say, show_table


@contextmanager
def progress(total: int, quiet: bool) -> Iterator[Callable[[], None]]:
    """Show a bar on standard error while `total` runs are made; call what it yields after each.

    Nothing is shown for one run, or where standard error is no terminal.
    """
    errors = Console(stderr=True)
    if quiet or total == 1 or not errors.is_terminal:
        yield lambda: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("runs", total=total)
        yield lambda: bar.advance(task)


def show_repeated(runs: Sequence[dict[str, Any]]) -> None:
    """Print how often each outcome came, and the median and 95th percentile of each step."""
    counts = Counter(run["outcome"] for run in runs)
    show_table(
        ("outcome", "runs", "share"),
        ((outcome_text(o), n, f"{n / len(runs):.0%}") for o, n in counts.most_common()),
    )
    steps: dict[str, list[float]] = {}
    for run in runs:
        for step in run["steps"]:
            steps.setdefault(step["name"], []).append(step["duration_s"])
    whole = [run["duration_s"] for run in runs]
    rows = [*steps.items(), ("whole run", whole)]
    say("")
    show_table(
        ("step", "runs", "p50", "p95", "longest"),
        (
            (
                name,
                len(took),
                f"{percentile(took, 50):.2f} s",
                f"{percentile(took, 95):.2f} s",
                f"{max(took):.2f} s",
            )
            for name, took in rows
            if took
        ),
    )
    reasons = Counter(run["reason"] for run in runs if run["reason"])
    if reasons:
        say("")
        show_table(("runs", "why"), ((number, why) for why, number in reasons.most_common(10)))


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the nearest-rank percentile: a value that was measured, whatever the number of them.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values: a percentile needs one")
    ordered = sorted(values)
    rank = -(-percent * len(ordered) // 100)
    return ordered[max(rank, 1) - 1]
