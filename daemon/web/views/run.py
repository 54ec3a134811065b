"""Runs as people see them: in a line, or whole."""

from __future__ import annotations

from datetime import datetime

from daemon.history import RunMark
from daemon.web.answer import View
from daemon.web.paging import NEXT
from probes.model import Exposure, Outcome, Purpose, Run


class RunLine(View):
    """`failed_step`: the first step that did not pass. `artifacts`: kinds of evidence kept."""

    id: str
    probe: str
    location: str
    purpose: Purpose
    started_at: datetime
    duration_s: float
    outcome: Outcome
    reason: str
    failed_step: str | None
    exposure: Exposure | None
    artifacts: tuple[str, ...]


class Runs(View):
    """Newest first. A page of what is rare may be short, or empty, though there is a `next` one."""

    runs: tuple[RunLine, ...]
    next: str | None = NEXT


class RunDetail(View):
    run: Run


class RecentRuns(View):
    """A probe's newest runs at one location, newest first."""

    location: str
    last: RunLine | None
    recent: tuple[RunMark, ...]


def run_line(run: Run) -> RunLine:
    """Put a run into a line."""
    faulty = (Outcome.FAILED, Outcome.ERROR)
    return RunLine(
        id=run.id,
        probe=run.probe,
        location=run.location,
        purpose=run.purpose,
        started_at=run.started_at,
        duration_s=run.duration_s,
        outcome=run.outcome,
        reason=run.reason,
        failed_step=next((step.name for step in run.steps if step.outcome in faulty), None),
        exposure=run.exposure,
        artifacts=tuple(artifact.kind for artifact in run.artifacts),
    )
