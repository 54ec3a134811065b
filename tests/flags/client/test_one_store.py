"""What only one of flipper-client's stores does."""

from __future__ import annotations

import pytest
from flipper import FeatureFlagClient
from structlog.testing import capture_logs

from config.schema import MemoryStore
from flags import items
from flags.items import BrokenItem
from flags.model import FlagError, FlagState
from flags.stores.client.memory import MemoryFlagStore
from flags.stores.client.redis import RedisFlagStore
from flags.stores.client.s3 import S3FlagStore
from flags.stores.open import open_store
from tests.flags.client.worlds import (
    FLAG,
    postgres_world,
    redis_world,
    s3_world,
)


def test_the_memory_store_opens_with_the_flags_of_the_configuration() -> None:
    store = open_store(MemoryStore(kind="memory", flags={"a": True, "b": False}))
    assert isinstance(store, MemoryFlagStore)
    assert [(flag.name, flag.state) for flag in store.flags()] == [
        ("a", FlagState.ON),
        ("b", FlagState.OFF),
    ]


def test_a_name_over_40_characters_is_refused_clearly_on_postgres(postgres_url: str) -> None:
    world, name = postgres_world(postgres_url), "x" * 41
    for call in (
        lambda: world.ours.gates(name),
        lambda: world.ours.create(name),
        lambda: world.ours.set(name, False),
    ):
        with pytest.raises(FlagError, match=r"41 characters.*at most 40"):
            call()
    world.ours.create("x" * 40)
    world.ours.close()
    world.other.close()


def test_a_redis_key_that_is_no_string_is_named_and_skipped(redis_url: str) -> None:
    world = redis_world(redis_url)
    world.plain._redis.hset("features/hash", "a", "b")
    with capture_logs() as logs:
        assert world.ours.flags() == ()
    assert [line["flag"] for line in logs] == ["hash"]
    with pytest.raises(BrokenItem, match="hash"):
        world.ours.set("hash", False)
    assert world.plain._redis.hget("features/hash", "a") == b"b"


def test_a_base_key_with_wildcards_finds_its_own_flags_only(redis_url: str) -> None:
    odd, plain = RedisFlagStore(redis_url, "f[a]*"), RedisFlagStore(redis_url, "fa")
    odd.create("mine")
    plain.create("yours")
    assert [flag.name for flag in odd.flags()] == ["mine"]
    assert [flag.name for flag in plain.flags()] == ["yours"]


@pytest.mark.usefixtures("credentials")
def test_s3_writes_are_conditional_on_what_was_read(moto_url: str) -> None:
    world = s3_world(moto_url)
    world.ours.create(FLAG, True)
    turns: list[bytes] = []

    def change(raw: bytes) -> bytes:
        if not turns:
            FeatureFlagClient(world.plain).set_client_data(FLAG, {"first": True})
        turns.append(raw)
        return raw.replace(b'"is_enabled": true', b'"is_enabled": false')

    world.ours._edit(FLAG, change)
    assert len(turns) == 2
    assert items.meta_of(world.ours.gates(FLAG))["client_data"] == {"first": True}
    assert not items.is_on(world.ours.gates(FLAG))


@pytest.mark.usefixtures("credentials")
def test_a_server_that_ignores_conditions_is_written_to_with_a_warning(moto_url: str) -> None:
    world = s3_world(moto_url)
    world.ours.create(FLAG, True)
    assert isinstance(world.ours, S3FlagStore)
    client = world.ours._client

    def forget(params: dict[str, dict[str, str]], **_: object) -> None:
        params["headers"].pop("If-Match", None)

    client.meta.events.register("before-call.s3.PutObject", forget)
    with capture_logs() as logs:
        world.ours.set(FLAG, False)
        world.ours.set(FLAG, True)
        world.ours.set(FLAG, False)
    assert [line["event"] for line in logs] == [
        "the object store ignores If-Match: another writer can undo a flip unseen"
    ]
    assert not items.is_on(world.other.gates(FLAG))
