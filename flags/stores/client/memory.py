"""flipper-client's store in memory, as a flag store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock

from flipper.contrib.memory import MemoryFeatureFlagStore
from flipper.contrib.storage import FeatureFlagStoreItem

from flags.items import BrokenItem
from flags.model import UnknownFlag
from flags.stores.client.base import ClientFlagStore


class SharedMemory(MemoryFeatureFlagStore):  # type: ignore[misc]  # flipper-client has no types
    """The library's own store, for an application in this process, and a way to put a whole item.

    The library hands out items that live on: copies go in and out by their JSON.
    """

    def put(self, raw: bytes) -> None:
        """Store a copy of an item."""
        self._save(FeatureFlagStoreItem.deserialize(raw))


class MemoryFlagStore(ClientFlagStore):
    """Flags that end with the process.

    Attributes:
        shared: what an application in this process gives its own `FeatureFlagClient`.
    """

    def __init__(self, flags: Mapping[str, bool] | None = None) -> None:
        super().__init__()
        self.shared = SharedMemory()
        self._lock = Lock()
        for name, on in (flags or {}).items():
            self.create(name, on)

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def _read(self, name: str) -> bytes | None:
        item = self.shared.get(name)
        return None if item is None else _raw(name, item)

    def _scan(self) -> list[tuple[str, bytes]]:
        found = ((name, self._read_or_broken(name)) for name in tuple(self.shared._memory))
        return [(name, raw) for name, raw in found if raw is not None]

    def _read_or_broken(self, name: str) -> bytes | None:
        try:
            return self._read(name)
        except BrokenItem:
            return b"null"

    def _edit(self, name: str, change: Callable[[bytes], bytes]) -> None:
        with self._lock:
            raw = self._read(name)
            if raw is None:
                raise UnknownFlag(name)
            self.shared.put(change(raw))

    def _add(self, name: str, raw: bytes) -> bool:
        with self._lock:
            if self.shared.get(name) is not None:
                return False
            self.shared.put(raw)
            return True


def _raw(name: str, item: FeatureFlagStoreItem) -> bytes:
    try:
        raw: bytes = item.serialize()
    except (TypeError, ValueError, RuntimeError) as cause:
        # Client data that is no JSON, or that its owner changes at this instant.
        raise BrokenItem(name, f"it has no JSON ({type(cause).__name__})") from None
    return raw
