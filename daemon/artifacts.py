"""Evidence on disk: how much of it is kept, what goes first, and what was lost.

Dropped first is what is of least use: evidence of good runs, then of errors, then of failures, the
oldest first each; what shows why an open incident began goes last.
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path

import structlog
from sqlalchemy import select

from config.schema import Config
from daemon.history import IncidentRecord, incidents
from daemon.journal import Journal
from daemon.metrics import Metrics
from daemon.tables import RUNS
from probes.model import Outcome, Run

log = structlog.get_logger(__name__)

#: Younger evidence may still be on its way to the disk, or to the person who asked for it.
BEING_WRITTEN = timedelta(minutes=1)
#: What happened so long before and after an incident opened shows why it did.
AROUND = timedelta(hours=1)
MB = 1_000_000
#: So long a loss is shown, where no run keeps its evidence again before.
LATELY = timedelta(hours=1)
#: SQLite takes no more values than this in one statement everywhere.
CHUNK = 500
_RUN_ID = re.compile(r"[0-9a-f]{32}")


class Worth(IntEnum):
    """How long evidence is worth keeping; the least goes first."""

    GOOD = 0
    ERROR = 1
    FAILURE = 2
    INCIDENT = 3


@dataclass(frozen=True, slots=True)
class Kept:
    """One run's evidence; `written_at`: when the last of it came."""

    folder: Path
    size_bytes: int
    written_at: datetime
    worth: Worth


@dataclass(frozen=True, slots=True)
class Lost:
    """Evidence that could not be kept, and when; `problem` as `Run.artifact_problem` says it."""

    problem: str
    at: datetime


class Artifacts:
    """Keeps evidence within its limits. Thread-safe.

    `config`: the configuration in force.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        journal: Journal,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._journal = journal
        self._metrics = metrics
        self._clock = clock
        # Never held over the disk: the thread that judges takes it for each run.
        self._lock = threading.Lock()
        self._pruning = threading.Lock()
        self._problem = ""
        self._lost: Lost | None = None
        self._size_bytes: int | None = None
        #: What came in since the last pruning began: it may have looked before.
        self._new_bytes = 0

    @property
    def _folder(self) -> Path:
        return self._config().journal.artifacts_folder

    def take(self, run: Run) -> None:
        """Count what a run kept, and what it lost; a change from one to the other is logged."""
        if run.artifact_problem:
            self._lost = Lost(run.artifact_problem, self._clock())
            kind = self._metrics.artifact_lost(run.artifact_problem)
            if kind != self._problem:
                self._problem = kind
                log.warning("evidence lost", run=run.id, problem=run.artifact_problem)
        elif run.artifacts and self._problem:
            self._problem, self._lost = "", None
            log.info("evidence kept again", run=run.id)
        if run.artifacts:
            size_bytes = sum(_size_bytes(self._folder / each.path) for each in run.artifacts)
            with self._lock:
                self._new_bytes += size_bytes

    def lost(self) -> Lost | None:
        """Return what was lost last; None where evidence was kept since, or nothing was lately."""
        lost = self._lost
        return lost if lost is not None and lost.at > self._clock() - LATELY else None

    def prune_if_over(self) -> int:
        """Prune where all evidence together is past its size; return how many runs' went."""
        limit_bytes = self._config().journal.artifacts_max_mb * MB
        with self._lock:
            over = self._size_bytes is None or self._size_bytes + self._new_bytes > limit_bytes
        return self.prune() if over else 0

    def prune(self) -> int:
        """Drop what is too old, too much or too big; return how many runs' evidence went."""
        with self._pruning:
            with self._lock:
                self._new_bytes = 0
            kept = self._all()
            gone = {each.folder for each in self._doomed(kept) if _removed(each.folder)}
            left_bytes = sum(each.size_bytes for each in kept if each.folder not in gone)
            with self._lock:
                self._size_bytes = left_bytes
        self._metrics.artifacts_bytes.set(left_bytes)
        if gone:
            log.info("evidence pruned", runs=len(gone), left_bytes=left_bytes)
        return len(gone)

    def _doomed(self, kept: list[Kept]) -> Iterator[Kept]:
        limits, now = self._config().journal, self._clock()
        too_old = now - timedelta(days=limits.artifacts_keep_days)
        count, size_bytes = len(kept), sum(each.size_bytes for each in kept)
        for each in sorted(kept, key=lambda one: (one.worth, one.written_at)):
            over = count > limits.artifacts_keep or size_bytes > limits.artifacts_max_mb * MB
            # Of an open incident the beginning is wanted, however long ago that was.
            old = each.written_at < too_old and each.worth is not Worth.INCIDENT
            if (over or old) and each.written_at < now - BEING_WRITTEN:
                count, size_bytes = count - 1, size_bytes - each.size_bytes
                yield each

    def _all(self) -> list[Kept]:
        if not self._folder.is_dir():
            return []
        folders = {each.name: each for each in self._folder.iterdir() if each.is_dir()}
        worth = self._worth(list(folders))
        # A folder that no run made is somebody else's.
        ours = [each for name, each in folders.items() if name in worth or _RUN_ID.fullmatch(name)]
        return [_kept(each, worth.get(each.name, Worth.GOOD)) for each in ours]

    def _worth(self, ids: list[str]) -> dict[str, Worth]:
        row = RUNS.c
        open_ones = incidents(self._journal, is_open=True, limit=CHUNK)
        found: dict[str, Worth] = {}
        for start in range(0, len(ids), CHUNK):
            query = select(row.id, row.probe, row.outcome, row.started_at)
            with self._journal.reading() as db:
                rows = db.execute(query.where(row.id.in_(ids[start : start + CHUNK]))).all()
            for run_id, probe, outcome, started_at in rows:
                shows = any(self._shows(each, probe, started_at) for each in open_ones)
                found[run_id] = Worth.INCIDENT if shows else _WORTH.get(outcome, Worth.GOOD)
        return found

    def _shows(self, incident: IncidentRecord, probe: str, started_at: datetime) -> bool:
        guard = self._config().guards.get(incident.guard)
        if guard is None or abs(started_at - incident.opened_at) > AROUND:
            return False
        return probe in (*guard.probes, guard.control, guard.proof)


_WORTH = {Outcome.ERROR.value: Worth.ERROR, Outcome.FAILED.value: Worth.FAILURE}


def _kept(folder: Path, worth: Worth) -> Kept:
    sizes_bytes, written_s = [], 0.0
    for each in (folder, *folder.rglob("*")):
        with suppress(OSError):  # a half-written part that went meanwhile
            stat = each.lstat()
            written_s = max(written_s, stat.st_mtime)
            sizes_bytes.append(0 if each == folder else stat.st_size)
    return Kept(folder, sum(sizes_bytes), datetime.fromtimestamp(written_s, UTC), worth)


def _size_bytes(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # pruned, or on another machine
        return 0


def _removed(folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()
