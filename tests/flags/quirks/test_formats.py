"""What flipper-client cannot read, list or name."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest
from flipper.contrib.postgresql import PostgreSQLFeatureFlagStore
from flipper.contrib.redis import RedisFeatureFlagStore
from redis import Redis

from tests.flags.quirks.conftest import FLAG


def test_a_redis_client_that_decodes_breaks_reading(redis_url: str) -> None:
    store = RedisFeatureFlagStore(Redis.from_url(redis_url, decode_responses=True))
    store.create(FLAG)
    with pytest.raises(AttributeError, match="decode"):
        store.get(FLAG)


def test_a_foreign_key_under_the_prefix_breaks_the_list(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    redis.set("features/foreign", "not json")
    with pytest.raises(json.JSONDecodeError):
        list(RedisFeatureFlagStore(redis).list())


def test_a_key_deleted_during_the_list_breaks_it(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    store = RedisFeatureFlagStore(redis)
    store.create(FLAG)

    class Meanwhile(RedisFeatureFlagStore):  # type: ignore[misc]
        """Somebody deletes the flag between SCAN and MGET."""

        def _scan_redis_for_feature_keys(self) -> Iterator[str]:
            keys = list(super()._scan_redis_for_feature_keys())
            redis.delete(*keys)
            return iter(keys)

    with pytest.raises(AttributeError, match="decode"):
        list(Meanwhile(redis).list())


def test_a_name_of_41_characters_is_too_long_for_postgres(postgres_url: str) -> None:
    store = PostgreSQLFeatureFlagStore(postgres_url)
    store.create("x" * 40)
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        store.create("x" * 41)
