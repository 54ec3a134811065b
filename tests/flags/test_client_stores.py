"""flipper-client's own stores under our contract, on real servers, read by the library itself."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from flipper import Condition, FeatureFlagClient
from flipper.bucketing import ConsistentHashPercentageBucketer, Percentage
from flipper.contrib.storage import FeatureFlagStoreMeta
from structlog.testing import capture_logs

from config.schema import MemoryStore, PostgresStore, RedisStore, S3Store
from flags import items
from flags.gates import ACTORS, META
from flags.items import BrokenItem
from flags.model import FlagChanged, FlagError, FlagState, Gates, StoreUnavailable, UnknownFlag
from flags.stores.client.base import ClientFlagStore
from flags.stores.client.memory import MemoryFlagStore
from flags.stores.client.postgres import PostgresFlagStore
from flags.stores.client.redis import RedisFlagStore
from flags.stores.client.s3 import S3FlagStore
from flags.stores.open import open_store
from flags.switch import Switch
from tests.flags.client_worlds import (
    FLAG,
    World,
    credentials,
    memory_world,
    moto_url,
    postgres_world,
    redis_world,
    s3_world,
)
from tests.servers import Postgres, Redis, free_port

__all__ = ["credentials", "moto_url"]

SECRET = "hunter2"  # noqa: S105
CONDITION = Condition(admin=True)
HALF = ConsistentHashPercentageBucketer(key_whitelist=["user"], percentage=Percentage(0.5))


@pytest.fixture(params=["redis", "postgres", "s3", "memory"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """One flag, on, with conditions, a bucketer and client data, made by the library."""
    made: World
    match request.param:
        case "redis":
            made = redis_world(request.getfixturevalue("redis_url"))
        case "postgres":
            made = postgres_world(request.getfixturevalue("postgres_url"))
        case "s3":
            request.getfixturevalue("credentials")
            made = s3_world(request.getfixturevalue("moto_url"))
        case _:
            made = memory_world()
    client = FeatureFlagClient(made.plain)
    client.create(FLAG, True, {"owner": "claims"})
    client.add_condition(FLAG, CONDITION)
    client.set_bucketer(FLAG, HALF)
    yield made
    made.ours.close()
    made.other.close()


def stored(world: World, name: str = FLAG) -> object:
    return json.loads(world.raw(name))


# --- the contract ---------------------------------------------------------------------------


def test_what_we_write_the_library_reads_and_the_other_way_round(world: World) -> None:
    library = FeatureFlagClient(world.plain)
    world.ours.set(FLAG, False)
    assert not library.is_enabled(FLAG, admin=True)
    assert not items.is_on(world.other.gates(FLAG))
    world.ours.set(FLAG, True)
    assert library.is_enabled(FLAG, admin=True)
    library.disable(FLAG)
    assert not items.is_on(world.ours.gates(FLAG))
    assert world.ours.flags()[0].state is FlagState.OFF


def test_a_restored_snapshot_is_the_very_same_item(world: World) -> None:
    before, switch = stored(world), Switch(world.ours)
    snapshot = switch.snapshot(FLAG, datetime.now(UTC))
    off = switch.write(FLAG, False)
    assert off.state is FlagState.OFF
    assert stored(world) != before
    assert switch.restore(snapshot).gates == snapshot.gates
    assert stored(world) == before


def test_a_disable_keeps_meta_and_writing_it_again_is_no_error(world: World) -> None:
    meta = world.ours.gates(FLAG).values(META)
    for _ in range(2):
        world.ours.set(FLAG, False)
        assert world.ours.gates(FLAG) == Gates.of((META, meta[0]))


def test_a_replacement_returns_what_was_there(world: World) -> None:
    before = world.ours.gates(FLAG)
    assert world.ours.replace_gates(FLAG, world.ours.disabled(before)) == before


def test_no_method_creates_an_unknown_flag_or_lets_the_librarys_errors_out(world: World) -> None:
    unknown, meta = "no_such_flag", FeatureFlagStoreMeta(0)
    for write in (
        lambda: world.ours.set(unknown, False),
        lambda: world.ours.set_meta(unknown, meta),
        lambda: world.ours.replace_gates(unknown, Gates()),
        lambda: world.ours.gates(unknown),
    ):
        with pytest.raises(UnknownFlag, match=unknown):
            write()
    assert world.ours.get(unknown) is None
    assert [flag.name for flag in world.ours.flags()] == [FLAG]


def test_someone_who_was_first_is_not_overwritten(world: World) -> None:
    seen = world.ours.gates(FLAG)
    FeatureFlagClient(world.plain).set_bucketer(FLAG, ConsistentHashPercentageBucketer())
    there = world.raw(FLAG)
    with pytest.raises(FlagChanged, match=FLAG):
        world.ours.replace_gates(FLAG, world.ours.disabled(seen), expected=seen)
    assert world.raw(FLAG) == there


def test_anothers_client_data_is_no_decision_and_survives_ours(world: World) -> None:
    seen = world.ours.gates(FLAG)
    FeatureFlagClient(world.plain).set_client_data(FLAG, {"seen": 1})
    world.ours.replace_gates(FLAG, world.ours.disabled(seen), expected=seen)
    found = world.ours.gates(FLAG)
    assert not items.is_on(found)
    assert items.meta_of(found)["client_data"] == {"owner": "claims", "seen": 1}


def test_meta_is_written_whole_and_never_the_boolean(world: World) -> None:
    world.ours.set(FLAG, False)
    world.ours.set_meta(FLAG, FeatureFlagStoreMeta(7, {"new": True}))
    found = world.ours.gates(FLAG)
    assert not items.is_on(found)
    assert items.meta_of(found)["client_data"] == {"new": True}
    assert items.meta_of(found)["conditions"] == []


def test_the_librarys_client_works_on_our_store(world: World) -> None:
    client = FeatureFlagClient(world.ours)
    assert client.is_enabled(FLAG, admin=True)
    assert not client.is_enabled(FLAG, admin=False)
    client.set_client_data(FLAG, {"more": 1})
    client.disable(FLAG)
    assert client.get_client_data(FLAG) == {"owner": "claims", "more": 1}
    assert not client.is_enabled(FLAG, admin=True)
    assert [flag.name for flag in client.list()] == [FLAG]


def test_creating_refuses_what_exists_and_creates_what_does_not(world: World) -> None:
    before = world.raw(FLAG)
    with pytest.raises(FlagError, match="exists already"):
        world.ours.create(FLAG)
    assert world.raw(FLAG) == before
    world.ours.create("new_flag", True, {"a": 1})
    assert world.plain.get("new_flag").is_enabled()
    assert [item.feature_name for item in world.ours.list(limit=1, offset=1)] == ["new_flag"]


@pytest.mark.parametrize("value", [0, None])
def test_a_false_value_that_is_no_bool_turns_the_flag_off(world: World, value: object) -> None:
    world.ours.set(FLAG, value)  # type: ignore[arg-type]
    assert not FeatureFlagClient(world.plain).is_enabled(FLAG, admin=True)
    with pytest.raises(FlagError, match="bool"):
        world.ours.set(FLAG, "false")  # type: ignore[arg-type]
    assert not items.is_on(world.ours.gates(FLAG))


@pytest.mark.parametrize("value", ["0", "null", '"false"', "1"])
def test_a_stored_value_that_is_no_bool_counts_as_the_library_counts_it(
    world: World, value: str
) -> None:
    raw = world.raw(FLAG).replace(b'"is_enabled": true', f'"is_enabled": {value}'.encode())
    world.put(FLAG, raw)
    assert FeatureFlagClient(world.plain).is_enabled(FLAG, admin=True)
    assert items.is_on(world.ours.gates(FLAG))
    world.ours.set(FLAG, True)
    assert b'"is_enabled": true' in world.raw(FLAG)


def test_a_percentage_is_the_librarys_stable_hash_and_actors_are_refused(world: World) -> None:
    world.ours.set_meta(FLAG, FeatureFlagStoreMeta(7, bucketer=HALF))
    switch = Switch(world.ours)
    seen = world.ours.gates(FLAG)
    found = switch.put(FLAG, switch.with_percentage(seen, 10), seen)
    assert found.state is FlagState.CONDITIONAL
    client = FeatureFlagClient(world.plain)
    opened = sum(
        client.get_meta(FLAG) and world.plain.get(FLAG).is_enabled(user=n) for n in range(60)
    )
    assert 0 < opened < 20
    with pytest.raises(FlagError, match="Condition"):
        switch.with_actor(seen, "User;1", present=True)
    with pytest.raises(FlagError, match="actors"):
        switch.put(FLAG, Gates.of((ACTORS, "User;1")))


@pytest.mark.parametrize("raw", [b"not json", b'{"a": 1}', b"[]"])
def test_what_is_no_item_is_skipped_with_a_warning_and_named_when_asked_for(
    world: World, raw: bytes
) -> None:
    if world.kind == "memory":
        item = world.plain.create("broken")
        item._meta.client_data = {"at": datetime.now(UTC)}
    else:
        world.put("broken", raw)
    with capture_logs() as logs:
        for _ in range(2):
            assert [flag.name for flag in world.ours.flags()] == [FLAG]
    assert [(line["log_level"], line["flag"]) for line in logs] == [("warning", "broken")]
    for use in (world.ours.gates, lambda name: world.ours.set(name, False)):
        with pytest.raises(BrokenItem, match="broken"):
            use("broken")


# --- lost updates ---------------------------------------------------------------------------


def test_undone_tells_a_blind_write_from_a_persons_decision(world: World) -> None:
    on = world.ours.gates(FLAG)
    off = world.ours.disabled(on)
    assert world.ours.undone(off, on) is None
    assert world.ours.undone(off, off) is None
    client = FeatureFlagClient(world.plain)
    client.set_client_data(FLAG, {"seen": 2})
    found = world.ours.gates(FLAG)
    again = world.ours.undone(off, found)
    assert again == world.ours.disabled(found)
    assert world.ours.undone(found, off) == items.merged(on, off)
    client.set_conditions(FLAG, [])
    assert world.ours.undone(world.ours.gates(FLAG), off) is None


def test_off_is_off_whatever_the_meta_and_on_is_on_for_the_same_users(world: World) -> None:
    on = world.ours.gates(FLAG)
    off = world.ours.disabled(on)
    bare = items.gates(True, {"created_date": 1})
    assert world.ours.same(off, world.ours.disabled(bare))
    assert not world.ours.same(on, bare)
    assert not world.ours.same(on, off)
    assert world.ours.same(on, items.merged(on, bare))


@pytest.mark.parametrize("data", [{"seen": 3}, {"owner": "claims"}])
def test_a_late_blind_write_just_after_our_disable_is_undone_at_once(
    world: World, data: dict[str, object]
) -> None:
    """The library's set_meta between our write and the end of our watch, on an old read."""
    stale = world.plain.get(FLAG)
    meta = FeatureFlagStoreMeta.from_dict(stale.meta)
    meta.update(client_data=data)
    late = json.dumps({**stale.to_dict(), "meta": meta.to_dict()}).encode()
    looks = world.ours._read
    done: list[bool] = []

    def look_after_the_late_write(name: str) -> bytes | None:
        if not done:
            done.append(True)
            world.put(name, late)
        return looks(name)

    before = world.ours.gates(FLAG)
    world.ours._read = look_after_the_late_write  # type: ignore[method-assign]
    world.ours.replace_gates(FLAG, world.ours.disabled(before))
    found = world.other.gates(FLAG)
    assert done
    assert not items.is_on(found)
    assert items.meta_of(found)["client_data"] == {"owner": "claims"} | data


# --- outages --------------------------------------------------------------------------------


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


# --- of one store only ----------------------------------------------------------------------


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
    client = world.ours._client  # type: ignore[attr-defined]

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
