"""Answers already given to acts, so that an act that is asked for twice is done once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, insert, select, update

from daemon.journal import Journal
from daemon.tables import ANSWERS
from daemon.turn import Turn

#: How long an answer is repeated; a client that asks again later has given up long before.
KEPT = timedelta(hours=24)


class KeyRefused(Exception):
    """A key that cannot stand for this act; the message holds the remedy."""


class KeyReused(KeyRefused):
    """It stands for another act already."""


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as it was given. `headers`: JSON of name and value."""

    status: int
    headers: str
    body: str


@dataclass
class Answers:
    """Owns the answers. Every method may be called from any thread; one daemon has the journal."""

    journal: Journal
    #: Acts of this process that have no answer yet: what else has none left none.
    _under_way: set[tuple[str, str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, caller: str, key: str, fingerprint: str, now: datetime) -> Given | None:
        """Take a key for an act, and return None: the act may be done; `give`, `drop` or `leave`
        ends it.

        Returns the answer instead where this very act was answered before.

        Args:
            caller: the token's id; each has keys of its own.
            fingerprint: of what is asked for.

        Raises:
            KeyReused: another act was asked for under this key.
            KeyRefused: the act is under way, or it left no answer.
            JournalError: nothing was claimed.
        """
        place = (caller, key)
        with self._lock:
            # Looked at before the row: an answer that is given meanwhile was still under way.
            under_way = place in self._under_way
            with self.journal.turn() as turn:
                if not under_way:
                    old = (ANSWERS.c.at < now - KEPT) & _is(caller, key)
                    turn.db.execute(delete(ANSWERS).where(old))
                row = turn.db.execute(select(ANSWERS).where(_is(caller, key))).first()
                if row is None:
                    values = {"caller": caller, "key": key, "fingerprint": fingerprint, "at": now}
                    turn.db.execute(insert(ANSWERS).values(**values))
            if row is None:
                self._under_way.add(place)
                return None
        if row.fingerprint != fingerprint:
            raise KeyReused(
                "this Idempotency-Key was used for another request: take a new key for each act"
            )
        if row.status is not None:
            return Given(row.status, row.headers, row.body)
        if under_way:
            raise KeyRefused(
                "the first request with this Idempotency-Key is still under way: ask again in a "
                "second for its answer"
            )
        raise KeyRefused(
            "the first request with this Idempotency-Key left no answer that could be repeated, "
            "and nobody knows how far it came: look at the resource, and if the act is still "
            "needed take a new key"
        )

    def give(self, caller: str, key: str, given: Given) -> None:
        """Keep the answer of a claimed act.

        Raises:
            JournalError: it was not kept; to this process the act is over all the same.
        """
        values = {"status": given.status, "headers": given.headers, "body": given.body}
        try:
            with self.journal.turn() as turn:
                turn.db.execute(update(ANSWERS).where(_is(caller, key)).values(**values))
        finally:
            self._under_way.discard((caller, key))

    def drop(self, caller: str, key: str) -> None:
        """Give a claimed key back: nothing of the act was committed, and it may be tried anew.

        Raises:
            JournalError: as for `give`.
        """
        with self._lock:  # or a claim between the two would lose its place among those under way
            try:
                with self.journal.turn() as turn:
                    turn.db.execute(delete(ANSWERS).where(_is(caller, key)))
            finally:
                self._under_way.discard((caller, key))

    def leave(self, caller: str, key: str) -> None:
        """End a claimed act, done or half done, whose answer must not be repeated: nor is it."""
        self._under_way.discard((caller, key))


def prune(turn: Turn, now: datetime) -> None:
    """Delete the answers that nobody will ask for again."""
    turn.db.execute(delete(ANSWERS).where(ANSWERS.c.at < now - KEPT))


def _is(caller: str, key: str) -> ColumnElement[bool]:
    return (ANSWERS.c.caller == caller) & (ANSWERS.c.key == key)
