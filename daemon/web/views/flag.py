"""Flags as people see them, and a reader that a hung store cannot use to stop the web."""

from __future__ import annotations

from datetime import datetime
from threading import Lock
from typing import Literal

from daemon.history import PendingFlip
from daemon.web.answer import View
from daemon.web.desk import Desk
from flags.model import Flag, FlagError, FlagState
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


class SnapshotView(View):
    """A flag's exact gates at one time."""

    flag: str
    gates: tuple[tuple[str, str], ...]
    taken_at: datetime


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
