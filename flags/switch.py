"""The one way to write a flag: snapshot, write, read back; verified, or an error."""

from __future__ import annotations

from datetime import datetime

from flags.gates import flag_of
from flags.model import Flag, Gates, ReadBackDiffers, Snapshot
from flags.stores.base import FlagStore


class Switch:
    """Reads and writes flags of one store."""

    def __init__(self, store: FlagStore) -> None:
        self._store = store

    def flags(self) -> tuple[Flag, ...]:
        """Read every flag.

        Raises:
            StoreUnavailable: the store did not answer in time.
        """
        return self._store.flags()

    def flag(self, name: str) -> Flag:
        """Read one flag.

        Raises:
            UnknownFlag: the store has none of that name.
            StoreUnavailable: the store did not answer in time.
        """
        return flag_of(name, self._store.gates(name))

    def snapshot(self, name: str, now: datetime) -> Snapshot:
        """Remember a flag's exact gates, before a write that will lose them."""
        return Snapshot(name, self._store.gates(name), now)

    def write(self, name: str, to: bool, expected: Gates | None = None) -> Flag:
        """Turn a flag fully on or off.

        Idempotent: writing the value that is there is no error.

        Args:
            name: must exist.
            to: on for everybody, or off for everybody.
            expected: the gates that the caller saw; None takes whatever is there.

        Returns:
            The flag as read back.

        Raises:
            UnknownFlag: nothing was created.
            FlagChanged: someone was there first; nothing was written.
            StoreUnavailable: the write may or may not have happened; write again.
            ReadBackDiffers: somebody else wrote in between.
        """
        return self.put(name, self.aim(name, to, expected), expected)

    def aim(self, name: str, to: bool, seen: Gates | None = None) -> Gates:
        """Return the gates that `write` would write, from those seen or those in the store."""
        before = self._store.gates(name) if seen is None else seen
        return self._store.enabled(before) if to else self._store.disabled(before)

    def put(self, name: str, wanted: Gates, expected: Gates | None = None) -> Flag:
        """Write exactly these gates, one by one: a boolean as a boolean, an actor as an actor.

        Raises: as `write` does.
        """
        self._store.replace_gates(name, wanted, expected)
        found = self._store.gates(name)
        if not self._store.same(wanted, found):
            raise ReadBackDiffers(name, wanted, found)
        return flag_of(name, found)

    def restore(self, snapshot: Snapshot, expected: Gates | None = None) -> Flag:
        """Replay a snapshot.

        Raises: as `write` does.
        """
        return self.put(snapshot.flag, snapshot.gates, expected)

    def with_percentage(self, seen: Gates, percent: float) -> Gates:
        """Gates with a percentage of actors in place of a boolean.

        Raises:
            ValueError: not from 0 to 100.
            FlagError: the store has no such gate.
        """
        return self._store.with_percentage(seen, percent)

    def with_actor(self, seen: Gates, actor: str, *, present: bool) -> Gates:
        """Gates with one actor more or less.

        Raises:
            FlagError: the store has no such gate.
        """
        return self._store.with_actor(seen, actor, present=present)

    def same(self, one: Gates, other: Gates) -> bool:
        """Say whether both mean the same, whatever else a store keeps beside the gates."""
        return self._store.same(one, other)

    @property
    def after_write_problem(self) -> str | None:
        """What the last write left undone beside the flag; the flag itself is written."""
        return self._store.after_write_problem

    def last_writer(self, name: str) -> str | None:
        """Who wrote the flag last, where the store can tell."""
        return self._store.last_writer(name)

    def undone(self, written: Gates, found: Gates) -> Gates | None:
        """Gates that repeat our write, where another writer lost it without meaning to."""
        return self._store.undone(written, found)

    @staticmethod
    def state_of(snapshot: Snapshot) -> str:
        """Say in a word what a snapshot's gates add up to: on, conditional or off."""
        return flag_of(snapshot.flag, snapshot.gates).state.value
