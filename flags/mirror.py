"""The flags as last read, served from memory: writers swap a whole value, readers take no lock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Condition
from types import MappingProxyType

from flags.evaluation import Evaluator
from flags.gates import flag_of
from flags.model import Flag, Gates

_ON = Gates.of(("boolean", "true"))


@dataclass(frozen=True, slots=True)
class Reading:
    """Every flag at one time.

    Attributes:
        flags: by name, in the order of their names.
        evaluators: of the same flags, in the same order.
        etag: of names and gates; equal ones mean equal flags.
        version: rises by one whenever `etag` changes, and never falls.
        read_at: when the last whole read began; None: there was none yet, and `flags` holds no
            more than what we wrote ourselves.
        problem: why the store cannot be read now; None while it can.
        lost_at: since when it cannot.
    """

    flags: Mapping[str, Flag] = field(default_factory=lambda: MappingProxyType({}))
    etag: str = ""
    version: int = 0
    read_at: datetime | None = None
    problem: str | None = None
    lost_at: datetime | None = None
    evaluators: Mapping[str, Evaluator] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def stale(self) -> bool:
        """True while the store is away: `flags` is what it last said, and may be wrong by now."""
        return self.problem is not None


class Mirror:
    """Holds one `Reading`. Any thread may read; writers may come from several threads."""

    def __init__(self) -> None:
        self._reading = Reading()
        self._read: Mapping[str, Flag] = {}
        #: Values beside the store's flags, which no store holds.
        self._beside: dict[str, Flag] = {}
        self._ours: dict[str, tuple[Flag, datetime]] = {}
        self._changed = Condition()
        self._closed = False

    @property
    def reading(self) -> Reading:
        """Return the flags as last read: a value that never changes, until the next call."""
        return self._reading

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._closed

    def take(self, flags: tuple[Flag, ...], at: datetime) -> None:
        """Serve a whole read of the store from now on; the mirror is fresh.

        One poll must end before the next begins.

        Args:
            flags: all that the store has; what is missing here is gone.
            at: aware UTC, taken before the read began. A flag that we wrote since then stays as we
                wrote it: the read may have been first.
        """
        with self._changed:
            found = {flag.name: flag for flag in flags}
            found.update((n, flag) for n, (flag, wrote_at) in self._ours.items() if wrote_at >= at)
            # Each write outlives one poll at most, the one under way when it was made: a clock that
            # was set back must not hold off what others write until it has caught up.
            self._ours.clear()
            self._serve(
                found.values(), replace(self._reading, read_at=at, problem=None, lost_at=None)
            )

    def take_one(self, flag: Flag, at: datetime) -> None:
        """Serve a flag as our own write was read back, at once.

        Args:
            flag: as `Switch` returned it.
            at: aware UTC, taken after the write.
        """
        with self._changed:
            self._ours[flag.name] = (flag, at)
            self._serve((*self._read.values(), flag), self._reading)

    def show(self, name: str, on: bool) -> None:
        """Serve a value of ours beside the store's flags, whether the store is there or not."""
        with self._changed:
            flag = flag_of(name, _ON if on else Gates())
            if self._beside.get(name) == flag:
                return
            self._beside[name] = flag
            self._serve(self._read.values(), self._reading)

    def forget(self, name: str) -> None:
        """Serve a value of ours no longer; a flag of the store with its name is seen again."""
        with self._changed:
            self._beside.pop(name, None)
            self._serve(self._read.values(), self._reading)

    def lost(self, problem: str, at: datetime) -> None:
        """Say from now on that the flags may be stale; they stay as they were last read.

        Args:
            problem: why the store cannot be read; shown to operators only.
            at: aware UTC; the first of several in a row is kept.
        """
        with self._changed:
            lost_at = self._reading.lost_at or at
            self._reading = replace(self._reading, problem=problem, lost_at=lost_at)

    def wait(self, version: int, timeout_s: float) -> int:
        """Return the version as soon as it is not `version`, or after the time, or at `close`."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or self._reading.version != version, timeout_s
            )
            return self._reading.version

    def close(self) -> None:
        """Wake everybody who waits, for good; the last reading stays."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _serve(self, flags: Iterable[Flag], reading: Reading) -> None:
        """Swap the reading; the caller holds the lock."""
        self._read = {flag.name: flag for flag in flags}
        # Ours win: what a circuit says must not depend on what somebody named a flag.
        found = {**self._read, **self._beside}
        ordered = {name: found[name] for name in sorted(found)}
        etag = _etag(ordered.values())
        changed = etag != reading.etag
        self._reading = replace(
            reading,
            flags=MappingProxyType(ordered),
            etag=etag,
            version=reading.version + changed,
            evaluators=MappingProxyType(
                {name: _evaluator(flag, reading) for name, flag in ordered.items()}
            ),
        )
        if changed:
            self._changed.notify_all()


def _evaluator(flag: Flag, last: Reading) -> Evaluator:
    """Take the last reading's where the flag is the same: most are, at every poll."""
    same = last.flags.get(flag.name) == flag
    return last.evaluators[flag.name] if same else Evaluator.of(flag)


def _etag(flags: Iterable[Flag]) -> str:
    # JSON keeps a name apart from its gates, whatever is in them; and it escapes lone surrogates.
    rows = json.dumps([(flag.name, flag.gates.rows) for flag in flags])
    return hashlib.blake2b(rows.encode(), digest_size=12).hexdigest()
