"""From a store's configuration to the store."""

from __future__ import annotations

from pydantic import SecretStr

from config.schema import (
    FlipperApiStore,
    MemoryStore,
    PostgresStore,
    RedisStore,
    S3Store,
    SqlStore,
    StoreSpec,
)
from flags.stores.base import FlagStore
from flags.stores.client.memory import MemoryFlagStore
from flags.stores.client.postgres import PostgresFlagStore
from flags.stores.client.redis import RedisFlagStore
from flags.stores.client.s3 import S3FlagStore
from flags.stores.flipper_api import FlipperApiFlagStore
from flags.stores.sql import SqlFlagStore


def open_store(spec: StoreSpec) -> FlagStore:
    """Open the store that the configuration names.

    Raises:
        FlagError: its address is none, or a package that it needs is not installed.
    """
    match spec:
        case SqlStore():
            return SqlFlagStore(spec.url, spec.timeout_s, spec.after_write)
        case FlipperApiStore():
            return FlipperApiFlagStore(
                spec.base_url,
                spec.timeout_s,
                token=_secret(spec.token),
                user=spec.user,
                password=_secret(spec.password),
            )
        case RedisStore():
            return RedisFlagStore(spec.url, spec.base_key, spec.timeout_s)
        case PostgresStore():
            return PostgresFlagStore(
                spec.url, spec.table, spec.name_column, spec.item_column, spec.timeout_s
            )
        case S3Store():
            return S3FlagStore(spec.bucket, spec.endpoint_url, spec.region, spec.timeout_s)
        case MemoryStore():
            return MemoryFlagStore(spec.flags)


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()
