"""Servers that are away or silent, rows that are locked, and addresses that are none."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from flipper.contrib.storage import FeatureFlagStoreMeta

from config.schema import PostgresStore, RedisStore, S3Store
from flags import items
from flags.model import FlagError, Gates, StoreUnavailable
from flags.stores.client.base import ClientFlagStore
from flags.stores.client.postgres import PostgresFlagStore
from flags.stores.client.redis import RedisFlagStore
from flags.stores.client.s3 import S3FlagStore
from flags.stores.open import open_store
from tests.flags.client.worlds import (
    FLAG,
    postgres_world,
)
from tests.servers import Postgres, Redis, free_port

SECRET = "hunter2"  # noqa: S105


def every_method(store: ClientFlagStore) -> tuple[Callable[[], object], ...]:
    return (
        lambda: store.gates(FLAG),
        store.flags,
        lambda: store.replace_gates(FLAG, Gates()),
        lambda: store.get(FLAG),
        lambda: store.set(FLAG, False),
        lambda: list(store.list()),
        lambda: store.set_meta(FLAG, FeatureFlagStoreMeta(0)),
        lambda: store.create("other"),
    )


def assert_unavailable(store: ClientFlagStore, limit_s: float) -> None:
    for call in every_method(store):
        began = time.monotonic()
        with pytest.raises(StoreUnavailable) as caught:
            call()
        assert time.monotonic() - began < limit_s
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize("how", ["away", "frozen"])
def test_redis_away_is_unavailable_in_time_and_back_is_back(
    redis_server: Redis, redis_url: str, how: str
) -> None:
    store = RedisFlagStore(f"{redis_url}?socket_timeout=60&decode_responses=True", timeout_s=0.4)
    store.create(FLAG, True)
    with getattr(redis_server, how)():
        assert_unavailable(store, 1.2)
    store.set(FLAG, False)
    assert not items.is_on(store.gates(FLAG))
    store.close()


@pytest.mark.parametrize("how", ["away", "frozen"])
def test_postgres_away_is_unavailable_in_time_and_back_is_back(
    postgres_server: Postgres, postgres_url: str, how: str
) -> None:
    world = postgres_world(postgres_url)
    store = PostgresFlagStore(postgres_url, timeout_s=1)
    store.create(FLAG, True)
    with getattr(postgres_server, how)():
        assert_unavailable(store, 2.5)
    store.set(FLAG, False)
    assert not items.is_on(store.gates(FLAG))
    for each in (store, world.ours, world.other):
        each.close()


def test_a_locked_row_is_unavailable_in_time(postgres_url: str) -> None:
    world = postgres_world(postgres_url)
    store = PostgresFlagStore(postgres_url, timeout_s=0.3)
    store.create(FLAG, True)
    with psycopg.connect(postgres_url) as line:
        line.execute("SELECT * FROM feature_flags FOR UPDATE")
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="timeout"):
            store.set(FLAG, False)
        assert time.monotonic() - began < 1.5
    for each in (store, world.ours, world.other):
        each.close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("how", ["away", "frozen"])
def test_s3_away_is_unavailable_in_time(how: str, silent_port: int) -> None:
    port = silent_port if how == "frozen" else free_port()
    store = S3FlagStore("flags", f"http://127.0.0.1:{port}", "us-east-1", 0.3)
    store._client  # noqa: B018  (loading the SDK takes a while once)
    assert_unavailable(store, 1)
    store.close()


@pytest.mark.usefixtures("credentials")
def test_no_store_connects_before_it_is_asked_or_shows_a_secret() -> None:
    port = free_port()
    stores = (
        open_store(RedisStore(kind="redis", url=f"redis://u:{SECRET}@127.0.0.1:{port}/0")),
        open_store(
            PostgresStore(kind="postgres", url=f"postgresql://u:{SECRET}@127.0.0.1:{port}/x")
        ),
        open_store(S3Store(kind="s3", bucket="flags", endpoint_url=f"http://127.0.0.1:{port}")),
    )
    for store in stores:
        assert SECRET not in repr(store)
        with pytest.raises(StoreUnavailable) as caught:
            store.gates(FLAG)
        assert SECRET not in str(caught.value)
        store.close()


@pytest.mark.parametrize(
    ("open_it", "url"),
    [
        (RedisFlagStore, f"http://u:{SECRET}@127.0.0.1/0"),
        (RedisFlagStore, f"redis://u:{SECRET}/x@127.0.0.1/0"),
        (PostgresFlagStore, f"mysql://u:{SECRET}@127.0.0.1/x"),
        (PostgresFlagStore, f"postgresql://u:p@127.0.0.1:{SECRET}/x"),
        (lambda url: S3FlagStore("flags", url), f"http://u:{SECRET}@127.0.0.1"),
    ],
)
def test_an_unusable_address_is_refused_without_its_secret(
    open_it: Callable[[str], ClientFlagStore], url: str
) -> None:
    with pytest.raises(FlagError, match="store") as caught:
        open_it(url)
    assert SECRET not in str(caught.value)
