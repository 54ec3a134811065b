"""From a store's configuration to the store."""

from __future__ import annotations

from config.schema import SqlStore, StoreSpec
from flags.model import FlagError
from flags.stores.base import FlagStore
from flags.stores.sql import SqlFlagStore


def open_store(spec: StoreSpec) -> FlagStore:
    """Open the store that the configuration names.

    Raises:
        FlagError: its address is none, or a package that it needs is not installed.
    """
    match spec:
        case SqlStore():
            return SqlFlagStore(spec.url, spec.timeout_s)
    raise FlagError(f"store.kind {spec.kind!r} is not served yet")
