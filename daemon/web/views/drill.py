"""A drill as people see it among others."""

from __future__ import annotations

from datetime import datetime

from daemon.drill import Ending
from daemon.drill_report import Report
from daemon.web.answer import View


class DrillLine(View):
    """A drill without its runs. `ending` None: under way. `good`: detected in time."""

    id: str
    guard: str
    by: str
    asked_at: datetime
    took_s: float
    ending: Ending | None
    good: bool
    would_kill: bool
    detection_s: float | None
    says: str


def drill_line(told: Report) -> DrillLine:
    """Show the least that is worth knowing of a drill."""
    return DrillLine(
        id=told.id,
        guard=told.guard,
        by=told.by,
        asked_at=told.asked_at,
        took_s=told.took_s,
        ending=told.ending,
        good=told.good,
        would_kill=told.would_kill,
        detection_s=told.detection_s,
        says=told.says,
    )
