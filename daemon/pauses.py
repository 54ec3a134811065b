"""Probes that an operator paused: not scheduled, but run when somebody asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

import structlog
from sqlalchemy import Connection, Row, delete, insert, select

from daemon.audit import Signed
from daemon.journal import Journal
from daemon.news import About, News
from daemon.tables import PAUSES
from daemon.turn import Turn

log = structlog.get_logger(__name__)


class PauseRefused(Exception):
    """A pause or its end that makes no sense now; the message holds the remedy."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Who paused a probe, why and when (aware UTC). `until` None: until somebody resumes it."""

    probe: str
    by: str
    reason: str
    at: datetime
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """True while it is in force; it ends by itself."""
        return self.until is None or now < self.until

    @property
    def end(self) -> str:
        """When it ends, for people."""
        return (
            "until resumed" if self.until is None else f"until {self.until:%Y-%m-%d %H:%M:%S} UTC"
        )


#: Checks, inside the transaction that writes, that the caller saw what is there; raises if not.
Expect = Callable[[Turn], None]


class Pauses:
    """Owns the pauses. Every method may be called from any thread."""

    def __init__(
        self, journal: Journal, clock: Callable[[], datetime], news: News | None = None
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._news = news or News()
        self._shown: Mapping[str, Pause] = MappingProxyType({})
        # Taken before the journal's lock, never inside a turn: what is shown last was kept last.
        self._changing = threading.Lock()

    def load(self) -> None:
        """Read what an earlier daemon kept."""
        with self._changing, self._journal.reading() as db:
            self._shown = _kept(db)

    def of(self, probe: str) -> Pause | None:
        """Return the pause in force; None: the probe runs on schedule."""
        pause = self._shown.get(probe)
        return pause if pause is not None and pause.holds(self._clock()) else None

    def pause(
        self,
        probe: str,
        signed: Signed,
        until: datetime | None = None,
        expect: Expect | None = None,
    ) -> Pause:
        """Take a probe off its schedule, and sign that.

        A guard that watches with it becomes BLIND once it has heard nothing for its
        `silent_after_s`: a paused probe is a silent one.

        Raises:
            PauseRefused: it is paused already, or would end in the past; nothing was changed.
            JournalError: nothing was changed.
        """
        now = self._clock()
        if until is not None and until <= now:
            raise PauseRefused("the pause would end in the past: give a later time")
        wanted = Pause(probe, signed.by, signed.reason, now, until)
        with self._changed() as turn:
            before = pause_in(turn.db, probe, now)
            if expect is not None:
                expect(turn)
            if before is not None:
                raise PauseRefused(
                    f"{probe} is paused already, by {before.by} {before.end}: resume it first"
                )
            turn.db.execute(delete(PAUSES).where(PAUSES.c.probe == probe))
            values = {"at": now, "by": signed.by, "reason": signed.reason, "until": until}
            turn.db.execute(insert(PAUSES).values(probe=probe, **values))
            turn.sign(
                signed, "pause", f"probe {probe}", now, before="scheduled", after=_said(wanted)
            )
        self._news.tell(About.PROBE, probe)
        log.info("probe paused", probe=probe, by=signed.by, until=until, reason=signed.reason)
        return wanted

    def resume(self, probe: str, signed: Signed, expect: Expect | None = None) -> None:
        """Put a probe back on its schedule, and sign that.

        Raises:
            PauseRefused: it is not paused; nothing was changed.
            JournalError: nothing was changed.
        """
        now = self._clock()
        with self._changed() as turn:
            before = pause_in(turn.db, probe, now)
            if expect is not None:
                expect(turn)
            if before is None:
                raise PauseRefused(f"{probe} is not paused: there is nothing to resume")
            turn.db.execute(delete(PAUSES).where(PAUSES.c.probe == probe))
            turn.sign(
                signed, "resume", f"probe {probe}", now, before=_said(before), after="scheduled"
            )
        self._news.tell(About.PROBE, probe)
        log.info("probe resumed", probe=probe, by=signed.by, reason=signed.reason)

    @contextmanager
    def _changed(self) -> Iterator[Turn]:
        """Open a turn; once it is committed, show what it left."""
        with self._changing:
            with self._journal.turn() as turn:
                yield turn
                # Read before the commit: after it nothing may fail any more.
                kept = _kept(turn.db)
            self._shown = kept


def pause_in(db: Connection, probe: str, now: datetime) -> Pause | None:
    """Return a probe's pause in force, as a transaction sees it."""
    row = db.execute(select(PAUSES).where(PAUSES.c.probe == probe)).first()
    found = None if row is None else _pause(row)
    return found if found is not None and found.holds(now) else None


def _kept(db: Connection) -> Mapping[str, Pause]:
    return MappingProxyType({row.probe: _pause(row) for row in db.execute(select(PAUSES))})


def _pause(row: Row[tuple[object, ...]]) -> Pause:
    return Pause(row.probe, row.by, row.reason, row.at.astimezone(UTC), row.until)


def _said(pause: Pause) -> str:
    return f"paused {pause.end}"
