"""Flags as people see them, and a reader that a hung store cannot use to stop the web."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from threading import Lock
from typing import Annotated, Literal

from pydantic import WithJsonSchema

from daemon.audit import AuditEntry
from daemon.flag_writes import WRITES
from daemon.history import KeptSnapshot, PendingFlip
from daemon.web.answer import View
from daemon.web.desk import Desk
from daemon.web.etag import etag_of
from daemon.web.paging import NEXT
from daemon.web.views.gates import changed
from flags.model import Flag, FlagError, FlagState, Gates
from flags.switch import Switch


class Gate(View):
    gate: str
    value: str


class FlagView(View):
    """`pending`: what a decided flip will write, once the store takes it."""

    name: str
    state: FlagState
    gates: tuple[Gate, ...]
    guarded_by: str | None
    pending: Literal["on", "off"] | None = None


class Flags(View):
    flags: tuple[FlagView, ...]


#: A gate's key and one of its values.
GateRow = Annotated[
    tuple[str, str],
    WithJsonSchema(
        {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
        mode="serialization",
    ),
]


class SnapshotView(View):
    """A flag's exact gates at one time."""

    flag: str
    gates: tuple[GateRow, ...]
    taken_at: datetime


class FlagWrite(View):
    """`id`: of its row in the audit. `adopted`: written past us, and found by a poll; `at` is then
    when it was found. `before` and `after`: the gates in words.
    """

    id: int
    at: datetime
    by: str
    adopted: bool
    before: str
    after: str
    reason: str
    request_id: str


class FlagHistory(View):
    """Newest first."""

    writes: tuple[FlagWrite, ...]
    next: str | None = NEXT


class KeptView(SnapshotView):
    """Gates before one of our writes; `id` is that of the flip which replaced them."""

    id: int
    by: str
    reason: str


class Snapshots(View):
    """Newest first."""

    snapshots: tuple[KeptView, ...]
    next: str | None = NEXT


def flag_etag(flag: Flag) -> str:
    """Return the ETag of a flag: of its exact gates."""
    return etag_of("flag", flag.name, flag.gates.rows)


def kept_view(kept: KeptSnapshot) -> KeptView:
    """Show gates that `restore` takes back."""
    return KeptView(**asdict(kept))


def written(entry: AuditEntry) -> tuple[str, str]:
    """Return what a row of the audit says of before and after: of a flag its gates in words."""
    if entry.action not in WRITES:
        return entry.before, entry.after
    try:
        return changed(Gates.from_json(entry.before), Gates.from_json(entry.after))
    except (AttributeError, TypeError, ValueError):  # somebody tampered with it: shown all the same
        return entry.before, entry.after


def flag_write(entry: AuditEntry) -> FlagWrite:
    """Show a row of the audit that is a write to a flag."""
    before, after = written(entry)
    return FlagWrite(
        id=entry.id,
        at=entry.at,
        by=entry.actor,
        adopted=entry.action == "adopted",
        before=before,
        after=after,
        reason=entry.reason,
        request_id=entry.request_id,
    )


def flag_view(desk: Desk, flag: Flag, pending: tuple[PendingFlip, ...]) -> FlagView:
    """Show a flag that was just read."""
    guards = desk.config.guards
    waiting = [flip for flip in pending if flip.flag == flag.name]
    return FlagView(
        name=flag.name,
        state=flag.state,
        gates=tuple(Gate(gate=key, value=value) for key, value in flag.gates.rows),
        guarded_by=next((name for name, spec in guards.items() if spec.flag == flag.name), None),
        pending=("on" if waiting[-1].to else "off") if waiting else None,
    )


class FlagsLately:
    """The flags as last read, for pages that ask each second.

    One request at a time reads the store; the others get what was read last. A store that hangs
    until its time-out thus holds one thread of the web, and `/healthz` still answers.
    """

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._reading = Lock()
        self._last: tuple[tuple[Flag, ...], str | None] = ((), "the flag store was not read yet")

    def read(self) -> tuple[tuple[Flag, ...], str | None]:
        """Return the flags, and what kept them from being read anew."""
        if not self._reading.acquire(blocking=False):
            return self._last
        try:
            self._last = (self._switch.flags(), None)
        except FlagError as cause:
            self._last = (self._last[0], str(cause))
        finally:
            self._reading.release()
        return self._last
