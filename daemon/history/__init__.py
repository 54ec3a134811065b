"""The journal's read side: plain SELECTs that return frozen values. Never writes.

Text in the rows may come from a target: it is bounded by whoever shows it, and escaped there.
"""

from daemon.history.audit import audit
from daemon.history.flips import (
    FlipRecord,
    KeptSnapshot,
    PendingFlip,
    flips,
    pending_flips,
    snapshots,
)
from daemon.history.incidents import IncidentRecord, incident, incident_in, incidents, story
from daemon.history.place import PLACE_PATTERN, Before
from daemon.history.runs import Recent, RunMark, recent, run, runs, runs_since
from daemon.history.timeline import NumberedLine, TimelineLine, last_noted, lines, timeline

__all__ = [
    "PLACE_PATTERN",
    "Before",
    "FlipRecord",
    "IncidentRecord",
    "KeptSnapshot",
    "NumberedLine",
    "PendingFlip",
    "Recent",
    "RunMark",
    "TimelineLine",
    "audit",
    "flips",
    "incident",
    "incident_in",
    "incidents",
    "last_noted",
    "lines",
    "pending_flips",
    "recent",
    "run",
    "runs",
    "runs_since",
    "snapshots",
    "story",
    "timeline",
]
