"""The one way to write a flag: snapshot, write, read back; verified, or an error."""

from __future__ import annotations

from datetime import datetime

from flipper import FeatureFlagClient
from flipper.exceptions import FlagDoesNotExistError

from flags.gates import flag_of
from flags.model import Flag, Gates, ReadBackDiffers, Snapshot, UnknownFlag
from flags.stores.sql import DISABLED, ENABLED, SqlFlagStore


class Switch:
    """Reads and writes flags of one store through flipper-client."""

    def __init__(self, store: SqlFlagStore) -> None:
        self._store = store
        self._client = FeatureFlagClient(store)

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

    def write(self, name: str, to: bool) -> Flag:
        """Turn a flag fully on or off.

        Idempotent: writing the value that is there is no error.

        Returns:
            The flag as read back.

        Raises:
            UnknownFlag: nothing was created.
            StoreUnavailable: the write may or may not have happened; write again.
            ReadBackDiffers: somebody else wrote in between.
        """
        try:
            if to:
                self._client.enable(name)
            else:
                self._client.disable(name)
        except FlagDoesNotExistError as cause:
            raise UnknownFlag(name) from cause
        return self._read_back(name, ENABLED if to else DISABLED)

    def restore(self, snapshot: Snapshot) -> Flag:
        """Replay a snapshot gate by gate: a boolean as a boolean, an actor as an actor.

        Raises: as `write` does.
        """
        self._store.replace_gates(snapshot.flag, snapshot.gates)
        return self._read_back(snapshot.flag, snapshot.gates)

    @staticmethod
    def state_of(snapshot: Snapshot) -> str:
        """Say in a word what a snapshot's gates add up to: on, conditional or off."""
        return flag_of(snapshot.flag, snapshot.gates).state.value

    def _read_back(self, name: str, wanted: Gates) -> Flag:
        found = self._store.gates(name)
        if found != wanted:
            raise ReadBackDiffers(name, wanted, found)
        return flag_of(name, found)
