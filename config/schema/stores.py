"""Where flags live."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from config.schema.base import FlagName, HttpUrl, Seconds, Strict


class AfterWrite(Strict):
    """What else the application's own write would do: forget caches, tell its audit."""

    redis_url: str | None = Field(
        None, repr=False, description="Redis with Flipper's cache; its keys are deleted."
    )
    key_prefix: str = Field("", description="Of Flipper's cache keys, such as Rails's namespace.")
    more_keys: tuple[str, ...] = Field((), description="Deleted too; {flag} is the flag's name.")
    toggle_event: bool = Field(
        False, description="Add vets-api's FeatureToggleEvent row, where that table is there."
    )


class StoreBase(Strict):
    timeout_s: Seconds = 5
    poll_s: Seconds = Field(2, description="How often flags are read, to notice people.")


class SqlStore(StoreBase):
    """Ruby Flipper's ActiveRecord tables."""

    kind: Literal["sql"] = "sql"
    url: str = Field(repr=False, description="SQLAlchemy URL; Ruby Flipper's tables are there.")
    after_write: AfterWrite = AfterWrite()


class FlipperApiStore(StoreBase):
    """Ruby Flipper's HTTP API (flipper-api)."""

    kind: Literal["flipper_api"]
    base_url: HttpUrl = Field(description="Where flipper-api is mounted.")
    token: SecretStr | None = Field(None, description="Bearer token.")
    user: str | None = Field(None, description="For basic authentication.")
    password: SecretStr | None = None


class RedisStore(StoreBase):
    """flipper-client's own Redis store."""

    kind: Literal["redis"]
    url: str = Field(repr=False, description="redis://user:password@host:port/db")
    base_key: Annotated[str, Field(min_length=1)] = "features"


class PostgresStore(StoreBase):
    """flipper-client's own PostgreSQL store."""

    kind: Literal["postgres"]
    url: str = Field(repr=False, description="postgresql://user:password@host:port/database")
    table: str = "feature_flags"
    name_column: str = "name"
    item_column: str = "item"


class S3Store(StoreBase):
    """flipper-client's own S3 store; credentials come from the SDK's usual places."""

    kind: Literal["s3"]
    bucket: str
    endpoint_url: HttpUrl | None = None
    region: str | None = None


class MemoryStore(StoreBase):
    """flipper-client's own store in memory: gone with the daemon, for trying things out."""

    kind: Literal["memory"]
    flags: dict[FlagName, bool] = Field(default_factory=dict, description="What is there at start.")


StoreSpec = SqlStore | FlipperApiStore | RedisStore | PostgresStore | S3Store | MemoryStore

#: Stores of flipper-client that a kill cannot be trusted to, and why.
REFUSED_STORES = {
    "consul": "its watcher dies silently at the first error and then shows old values for ever",
    "cached": "it would hide other writers' changes, and a guard must see the store itself",
    "replicated": "a replica's failed write is never reported, so a kill could miss users",
    "thrift": "it has no atomic write, so a kill could be lost to another writer",
}
