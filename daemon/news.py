"""What just changed, for whoever looks on: a bounded ring of names, with sequence numbers."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic, time_ns

#: A page that was away for longer than this many changes reads everything anew.
KEPT = 512


class About(StrEnum):
    """What kind of thing changed."""

    RUN = "run"
    GUARD = "guard"
    FLAG = "flag"
    INCIDENT = "incident"
    CIRCUIT = "circuit"
    PROBE = "probe"
    DRILL = "drill"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class Item:
    """One change. `name`: of the thing; of a run, its probe's. `id`: of the run, incident or
    drill, empty for others. Never a text of a target.
    """

    number: int
    kind: About
    name: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came after a number. `missed`: something that came is no longer kept, so what was seen
    before may be wrong anywhere. `last`: the number to go on from.
    """

    items: tuple[Item, ...]
    missed: bool
    last: int


class News:
    """Every method may be called from any thread; telling never waits for who listens.

    Numbers begin with the time of start in milliseconds: one that an earlier daemon gave is never
    taken for one of ours.
    """

    def __init__(self, start: int | None = None, kept: int = KEPT) -> None:
        start = time_ns() // 1_000_000 if start is None else start
        self._items: deque[Item] = deque(maxlen=kept)
        self._first = self._last = start
        self._changed = threading.Condition()
        self._closed = False

    @property
    def last(self) -> int:
        """Number of the newest item; the start's where nothing was told yet."""
        return self._last

    @property
    def closed(self) -> bool:
        """True once the daemon ends: who listens should go."""
        return self._closed

    def tell(self, kind: About, name: str, id: str = "") -> None:
        """Add an item, and wake whoever waits."""
        with self._changed:
            self._last += 1
            self._items.append(Item(self._last, kind, name, id))
            self._changed.notify_all()

    def since(self, number: int) -> Heard:
        """Return what came after `number`, at once."""
        with self._changed:
            oldest = self._items[0].number if self._items else self._last + 1
            missed = not self._first <= number <= self._last or number + 1 < oldest
            items = () if missed else tuple(each for each in self._items if each.number > number)
            return Heard(items, missed, self._last)

    def wait(self, number: int, wait_s: float) -> Heard:
        """Return what came after `number`, waiting so long at most for something to come."""
        until = monotonic() + wait_s
        with self._changed:
            while self._last == number and not self._closed:
                left_s = until - monotonic()
                if left_s <= 0 or not self._changed.wait(left_s):
                    break
        return self.since(number)

    def close(self) -> None:
        """Wake everybody who waits, for good."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
