"""What each flag should be: our writes and what we adopted, against what the store holds now.

One lock is round every write and every comparison, so that a poll never takes a write of ours that
is half done for somebody else's.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import takewhile

from sqlalchemy import insert, select, update

from daemon.audit import AuditEntry
from daemon.guard.messages import Flip
from daemon.journal import Journal
from daemon.tables import DECISIONS, KNOWN_FLAGS
from daemon.turn import ORDER_JSON, Pending, Turn
from flags.model import Flag, FlagError, Gates, ReadBackDiffers, Snapshot
from flags.switch import Switch
from probes.text import bounded

#: A write of another application's that began before ours can land so much later and undo it.
LOST_UPDATE_S = 60.0
#: Of another application's user, whatever that calls itself.
MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Known:
    """A flag's gates (JSON) as last written by us (`ours`) or adopted, by whom and when."""

    gates: str
    by: str
    ours: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Drift:
    """A flag that someone else wrote. `who` is empty where the store cannot tell.

    `repeat`: gates that repeat our write, where theirs undid it without meaning to.
    """

    flag: Flag
    before: Gates
    who: str
    repeat: Gates | None = None

    @property
    def what(self) -> str:
        """Say what changed."""
        return f"{self.before} -> {self.flag.gates}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a poll found. `unsettled`: flags that we are about to write, or just wrote."""

    drifts: tuple[Drift, ...]
    unsettled: frozenset[str]


class Ledger:
    """Writes flags, remembers what it wrote, and finds what others wrote."""

    def __init__(self, journal: Journal, switch: Switch) -> None:
        self._journal = journal
        self._switch = switch
        self._lock = threading.RLock()
        self._writes = 0
        #: What stood in the place of a decision's acknowledged write, until it is tried again.
        self._overwritten: dict[int, Gates] = {}

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep polls from comparing until the write and its record are both there."""
        with self._lock:
            self._writes += 1
            try:
                yield
            finally:
                # Once more: a read that began in between may hold what was there before.
                self._writes += 1

    def remember(self, decision: Pending, order: Flip, now: datetime) -> Snapshot:
        """Commit the gates before the write that loses them; a retry keeps the first snapshot."""
        if decision.snapshot is not None:
            return Snapshot.from_json(decision.snapshot)
        snapshot = self._switch.snapshot(order.flag, now)
        with self._journal.turn() as turn:
            turn.keep_snapshot(decision.id, snapshot.to_json())
        return snapshot

    def write(self, decision: Pending, order: Flip, before: Snapshot, actor: str = "") -> Flag:
        """Write what a decision asks for, unless someone was there first.

        `actor` is the one that a share without a name of its own begins with.

        Raises:
            FlagChanged: the flag is neither what was seen nor what is wanted.
            FlagError: as `Switch.put` does.
        """
        expected = self._expected(decision, order, before.gates, actor)
        # Whoever wrote between our write and its read-back raced with us and decided nothing
        # newer: a kill is tried again for ever, against what was found then.
        expected = self._overwritten.pop(decision.id, expected)
        try:
            return self._put(decision, order, expected, actor)
        except ReadBackDiffers as cause:
            self._overwritten[decision.id] = cause.found
            raise

    def _put(self, decision: Pending, order: Flip, expected: Gates, actor: str) -> Flag:
        if not order.restore:
            return self._switch.put(order.flag, self._aim(order, actor, expected), expected)
        kept = None
        if decision.guard is not None:
            with self._journal.turn() as turn:
                kept = turn.last_trip_snapshot(decision.guard, order.flag)
        if kept is None:
            return self._switch.flag(order.flag)  # the trip wrote nothing: nothing to undo
        return self._switch.restore(Snapshot.from_json(kept), expected)

    def _aim(self, order: Flip, actor: str, seen: Gates) -> Gates:
        """Return the gates that an order asks for, where these were seen; a restore's are kept."""
        if order.gates is not None:
            return Gates.of(*order.gates)
        if order.share is None:
            return self._switch.aim(order.flag, order.to, seen)
        nobody = self._switch.aim(order.flag, False, seen)
        some = self._switch.with_actor(nobody, order.share.actor or actor, present=True)
        if order.share.percentage:
            some = self._switch.with_percentage(some, order.share.percentage)
        return some

    def _expected(self, decision: Pending, order: Flip, found: Gates, actor: str) -> Gates:
        """Return the gates that must be there, or someone decided something newer."""
        if order.expected is not None:
            return Gates.of(*order.expected)
        if not order.restore and order.share is None:
            return found
        # A restore, or a step of a ramp, leaves the state that we last knew. What was written since
        # then, and no poll has seen yet, is somebody's: taken for that state, it would be lost.
        with self._journal.turn() as turn:
            known = _known_flags(turn).get(order.flag)
        if known is None:
            return found
        last = Gates.from_json(known.gates)
        ours = (last, *self._unheard(decision.id, order.flag, actor))
        return found if any(self._switch.same(each, found) for each in ours) else last

    def _unheard(self, before: int, flag: str, actor: str) -> Iterator[Gates]:
        """Yield what our flips since the last acknowledged one may have written all the same."""
        query = (
            select(DECISIONS)
            .where(DECISIONS.c.flag == flag, DECISIONS.c.id < before)
            .order_by(DECISIONS.c.id.desc())
        )
        with self._journal.reading() as connection:
            rows = connection.execute(query).all()
        for row in takewhile(lambda row: row.state != "applied", rows):
            order = ORDER_JSON.validate_json(row.doc)
            # Without a snapshot it was never tried; given up with an error, it found another's.
            tried = row.snapshot is not None and (row.state == "pending" or row.error is None)
            if not tried or not isinstance(order, Flip) or order.restore:
                continue
            # What the store has no gate for was never written either.
            with suppress(FlagError):
                yield self._aim(order, actor, Snapshot.from_json(row.snapshot).gates)

    def record(
        self, turn: Turn, decision: Pending, order: Flip, before: Gates, after: Gates, now: datetime
    ) -> None:
        """Add our write to the audit, and know it from now on."""
        turn.add_audit(
            AuditEntry(
                id=0,
                at=now,
                actor=order.by,
                action="flip",
                flag=order.flag,
                before=before.to_json(),
                after=after.to_json(),
                reason=order.reason,
                request_id=order.request_id or f"decision:{decision.id}",
            )
        )
        _know(turn, order.flag, Known(after.to_json(), order.by, True, now))

    def read(self) -> tuple[tuple[Flag, ...], int]:
        """Read the store; the number says which of our writes it may have seen.

        Raises:
            StoreUnavailable: no answer in time.
        """
        stamp = self._writes
        return self._switch.flags(), stamp

    def adopt(
        self, flags: tuple[Flag, ...], stamp: int, guarded: set[str], now: datetime
    ) -> Comparison:
        """Find what others wrote to flags that are guarded or were ever written by us.

        What is a person's decision is adopted and audited; what only lost our write is returned
        with the gates that repeat it. Nothing is compared where we wrote since the read.
        """
        with self._lock:
            if stamp != self._writes:
                return Comparison((), frozenset(flag.name for flag in flags))
            drifts: list[Drift] = []
            unsettled: set[str] = set()
            with self._journal.turn() as turn:
                known = _known_flags(turn)
                for flag in flags:
                    last = known.get(flag.name)
                    if last is None and flag.name in guarded:
                        _know(turn, flag.name, Known(flag.gates.to_json(), "", False, now))
                    if last is None or Gates.from_json(last.gates) == flag.gates:
                        continue
                    # A flip that is under way may have been written before it was acknowledged.
                    if turn.flip_pending(flag.name):
                        unsettled.add(flag.name)
                    elif self._switch.same(Gates.from_json(last.gates), flag.gates):
                        # An application's own data beside the gates: nobody decided anything.
                        _know(turn, flag.name, replace(last, gates=flag.gates.to_json()))
                    else:
                        drifts.append(self._drift(turn, flag, last, now))
        unsettled |= {drift.flag.name for drift in drifts if drift.repeat is not None}
        return Comparison(tuple(drifts), frozenset(unsettled))

    def _drift(self, turn: Turn, flag: Flag, last: Known, now: datetime) -> Drift:
        before = Gates.from_json(last.gates)
        if last.ours and (now - last.at).total_seconds() <= LOST_UPDATE_S:
            repeat = self._switch.undone(before, flag.gates)
            if repeat is not None:
                return Drift(flag, before, "", repeat)
        who = self._who(flag.name)
        drift = Drift(flag, before, who)
        turn.add_audit(
            AuditEntry(
                id=0,
                at=now,
                actor=who or "unknown",
                action="adopted",
                flag=flag.name,
                before=before.to_json(),
                after=flag.gates.to_json(),
                reason="written past Tripflag, found by a poll",
                request_id="",
            )
        )
        _know(turn, flag.name, Known(flag.gates.to_json(), who, False, now))
        return drift

    def _who(self, flag: str) -> str:
        try:
            return bounded(self._switch.last_writer(flag) or "", MAX_NAME)
        except FlagError:
            return ""  # the change counts, whoever made it


def _known_flags(turn: Turn) -> dict[str, Known]:
    """Return what each flag was when we last wrote or adopted it."""
    rows = turn.db.execute(select(KNOWN_FLAGS)).all()
    return {row.flag: Known(row.gates, row.by, row.ours, row.at) for row in rows}


def _know(turn: Turn, flag: str, known: Known) -> None:
    """Remember a flag's gates as ours or adopted."""
    values, row = asdict(known), KNOWN_FLAGS.c.flag == flag
    if turn.db.execute(update(KNOWN_FLAGS).where(row).values(**values)).rowcount == 0:
        turn.db.execute(insert(KNOWN_FLAGS).values(flag=flag, **values))
