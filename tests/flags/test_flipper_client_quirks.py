"""What flipper-client 1.3.2 does that a kill switch must not rely on, one test per quirk.

A test that fails here after an upgrade says that the quirk is mended: look at what we do about it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flipper.exceptions
import psycopg
import pytest
from flipper import Condition, FeatureFlagClient
from flipper.bucketing import (
    ConsistentHashPercentageBucketer,
    LinearRampPercentage,
    Percentage,
    PercentageBucketer,
)
from flipper.contrib import interface
from flipper.contrib.cached import CachedFeatureFlagStore
from flipper.contrib.consul import ConsulFeatureFlagStore
from flipper.contrib.memory import MemoryFeatureFlagStore
from flipper.contrib.postgresql import PostgreSQLFeatureFlagStore
from flipper.contrib.redis import RedisFeatureFlagStore
from flipper.contrib.replicated import ReplicatedFeatureFlagStore
from flipper.contrib.storage import FeatureFlagStoreItem, FeatureFlagStoreMeta
from flipper.events import EventType
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway

from tests.servers import free_port

FLAG = "assessment_fallback"
WAIT_S = 10


@pytest.fixture
def memory() -> MemoryFeatureFlagStore:
    return MemoryFeatureFlagStore()


@pytest.fixture
def client(memory: MemoryFeatureFlagStore) -> FeatureFlagClient:
    """One flag, on."""
    made = FeatureFlagClient(memory)
    made.create(FLAG, True, {"owner": "claims"})
    return made


# --- writes ---------------------------------------------------------------------------------


def test_a_write_of_metadata_on_an_old_read_brings_a_disabled_flag_back(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    operator = FeatureFlagClient(RedisFeatureFlagStore(redis))

    class Meanwhile(RedisFeatureFlagStore):  # type: ignore[misc]
        """The operator disables between this application's read and its write."""

        def _save(self, item: FeatureFlagStoreItem) -> FeatureFlagStoreItem:
            operator.disable(FLAG)
            return super()._save(item)

    operator.create(FLAG, True)
    FeatureFlagClient(Meanwhile(redis)).set_client_data(FLAG, {"n": 1})
    assert operator.is_enabled(FLAG)


def test_a_disable_on_an_old_read_loses_a_write_of_metadata(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    application = FeatureFlagClient(RedisFeatureFlagStore(redis))

    class Meanwhile(RedisFeatureFlagStore):  # type: ignore[misc]
        """The application writes between the operator's read and its write."""

        def _save(self, item: FeatureFlagStoreItem) -> FeatureFlagStoreItem:
            application.set_client_data(FLAG, {"n": 1})
            return super()._save(item)

    application.create(FLAG, True)
    FeatureFlagClient(Meanwhile(redis)).disable(FLAG)
    assert application.get_client_data(FLAG) == {}


def test_creating_an_existing_flag_turns_it_off_and_wipes_its_meta(
    client: FeatureFlagClient,
) -> None:
    client.add_condition(FLAG, Condition(admin=True))
    client.create(FLAG)
    assert not client.is_enabled(FLAG)
    assert client.get_meta(FLAG)["conditions"] == []
    assert client.get_client_data(FLAG) == {}


def test_creating_an_existing_flag_wipes_it_on_postgres_too(postgres_url: str) -> None:
    client = FeatureFlagClient(PostgreSQLFeatureFlagStore(postgres_url))
    client.create(FLAG, True, {"owner": "claims"})
    client.create(FLAG)
    assert not client.is_enabled(FLAG)
    assert client.get_client_data(FLAG) == {}


def test_a_stores_set_creates_a_misspelt_flag_where_the_client_refuses(
    memory: MemoryFeatureFlagStore, client: FeatureFlagClient
) -> None:
    with pytest.raises(flipper.exceptions.FlagDoesNotExistError):
        client.disable("misspelt")
    memory.set("misspelt", True)
    assert client.is_enabled("misspelt")


def test_two_errors_have_one_name_and_one_has_no_message(
    memory: MemoryFeatureFlagStore, client: FeatureFlagClient
) -> None:
    assert interface.FlagDoesNotExistError is not flipper.exceptions.FlagDoesNotExistError
    with pytest.raises(interface.FlagDoesNotExistError):
        memory.set_meta("nobody", FeatureFlagStoreMeta(0))
    with pytest.raises(flipper.exceptions.FlagDoesNotExistError) as caught:
        client.enable("nobody")
    assert str(caught.value) == ""


def test_the_meta_in_memory_is_the_live_object(client: FeatureFlagClient) -> None:
    client.get_meta(FLAG)["client_data"]["owner"] = "nobody"
    assert client.get_client_data(FLAG) == {"owner": "nobody"}


def test_evaluating_a_condition_writes_into_it(
    memory: MemoryFeatureFlagStore, client: FeatureFlagClient
) -> None:
    client.add_condition(FLAG, Condition(admin=True))
    client.is_enabled(FLAG, unchecked=1)
    assert memory.get(FLAG).meta["conditions"][0]["unchecked"] == []


# --- evaluation -----------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, None, "false", ""])
def test_everything_but_false_itself_is_enabled(
    memory: MemoryFeatureFlagStore, client: FeatureFlagClient, value: Any
) -> None:
    memory.set(FLAG, value)
    assert client.is_enabled(FLAG)


@pytest.mark.parametrize(("share", "opened"), [(0.0, 0), (0.01, 2), (0.5, 51), (0.99, 100)])
def test_a_percentage_opens_one_bucket_in_a_hundred_too_many(share: float, opened: int) -> None:
    bucketer = ConsistentHashPercentageBucketer(percentage=Percentage(share))
    scores: dict[float, bool] = {}

    class Score(ConsistentHashPercentageBucketer):  # type: ignore[misc]
        """Remembers which score a context had."""

        def _score_hash(self, hashed: Any) -> float:
            self.last: float = super()._score_hash(hashed)
            return self.last

    probe = Score(percentage=Percentage(1.0))
    for user in range(3000):
        probe.check(user=user)
        scores[probe.last] = bucketer.check(user=user)
    assert len(scores) == 100
    assert sum(scores.values()) == opened


def test_any_keyword_bypasses_the_bucketer_of_a_flag_with_conditions(
    client: FeatureFlagClient,
) -> None:
    client.add_condition(FLAG, Condition(admin=True))
    client.set_bucketer(FLAG, PercentageBucketer(percentage=Percentage(0.0)))
    assert not client.is_enabled(FLAG)
    assert client.is_enabled(FLAG, other=1)


def test_a_value_of_another_type_raises_out_of_is_enabled(client: FeatureFlagClient) -> None:
    client.add_condition(FLAG, Condition(age__gt=5))
    with pytest.raises(TypeError):
        client.is_enabled(FLAG, default=False, age=None)


def test_an_outage_raises_out_of_is_enabled_in_spite_of_a_default() -> None:
    port = free_port()
    redis = FeatureFlagClient(RedisFeatureFlagStore(Redis(port=port)))
    with pytest.raises(RedisAway):
        redis.is_enabled(FLAG, default=False)
    address = f"postgresql://nobody@127.0.0.1:{port}/none"
    postgres = PostgreSQLFeatureFlagStore(address, run_migrations=False)
    with pytest.raises(psycopg.OperationalError):
        FeatureFlagClient(postgres).is_enabled(FLAG, default=False)


def test_the_postgres_store_cannot_be_made_while_the_server_is_away() -> None:
    with pytest.raises(psycopg.OperationalError):
        PostgreSQLFeatureFlagStore(f"postgresql://nobody@127.0.0.1:{free_port()}/none")


def test_a_ramp_downwards_never_stops_at_its_end() -> None:
    hour_ago = int(time.time()) - 3600
    ramp = LinearRampPercentage(1.0, 0.2, ramp_duration=360, initial_time=hour_ago)
    assert ramp.value == pytest.approx(-7, abs=0.1)


# --- events ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "still_on"), [(EventType.PRE_DISABLE, True), (EventType.POST_DISABLE, False)]
)
def test_a_subscribers_exception_vetoes_before_and_only_frightens_after(
    client: FeatureFlagClient, event: EventType, still_on: bool
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("not today")

    client.events.on(event, f=refuse)
    with pytest.raises(RuntimeError, match="not today"):
        client.disable(FLAG)
    assert client.is_enabled(FLAG) is still_on


# --- formats --------------------------------------------------------------------------------


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


# --- stores that we refuse ------------------------------------------------------------------


def test_a_cached_store_never_sees_an_outside_disable(
    memory: MemoryFeatureFlagStore, client: FeatureFlagClient
) -> None:
    cached = FeatureFlagClient(CachedFeatureFlagStore(memory))
    assert cached.is_enabled(FLAG)
    client.disable(FLAG)
    assert cached.is_enabled(FLAG)


def test_a_cached_store_remembers_that_a_flag_was_not_there(
    memory: MemoryFeatureFlagStore, client: FeatureFlagClient
) -> None:
    cached = FeatureFlagClient(CachedFeatureFlagStore(memory))
    assert not cached.exists("later")
    client.create("later")
    with pytest.raises(flipper.exceptions.FlagDoesNotExistError):
        cached.enable("later")


class SlowStore(MemoryFeatureFlagStore):  # type: ignore[misc]
    """Writes only after it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go, self.done = threading.Event(), threading.Event()

    def set(self, feature_name: str, is_enabled: bool) -> None:
        self.go.wait(WAIT_S)
        super().set(feature_name, is_enabled)
        self.done.set()


@contextmanager
def slow_replica() -> Iterator[SlowStore]:
    replica = SlowStore()
    try:
        yield replica
    finally:
        replica.go.set()
        assert replica.done.wait(WAIT_S)


def test_replication_called_asynchronous_waits(memory: MemoryFeatureFlagStore) -> None:
    with slow_replica() as replica:
        store = ReplicatedFeatureFlagStore(memory, replica, replication_timeout=0.2)
        began = time.monotonic()
        store.set(FLAG, True, asynch=True)
        assert time.monotonic() - began >= 0.2
        assert replica.get(FLAG) is None  # not replicated, and nobody was told


def test_replication_called_synchronous_does_not_wait(memory: MemoryFeatureFlagStore) -> None:
    with slow_replica() as replica:
        store = ReplicatedFeatureFlagStore(memory, replica, replication_timeout=WAIT_S)
        store.set(FLAG, True, asynch=False)
        assert replica.get(FLAG) is None


def test_a_replicas_failed_write_is_never_reported(
    memory: MemoryFeatureFlagStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away(MemoryFeatureFlagStore):  # type: ignore[misc]
        """Refuses writes."""

        def set(self, feature_name: str, is_enabled: bool) -> None:
            raise ConnectionError("away")

    died: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda error: died.append(error.exc_type))
    ReplicatedFeatureFlagStore(memory, Away()).set(FLAG, False)
    assert died == [ConnectionError]


class StandInConsul:
    """Consul's key-value part: answers its watcher once, then holds it until the end."""

    def __init__(self) -> None:
        self.kv = self
        self.stop = threading.Event()
        self.seen = threading.Event()
        self.entries: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []

    def get(self, key: str, **options: Any) -> tuple[int, list[dict[str, Any]]]:
        self.asked.append(options)
        if len(self.asked) > 1:
            self.seen.set()
            self.stop.wait(WAIT_S)
            raise OSError("the end of the test")
        return 1, self.entries

    def put(self, key: str, value: bytes) -> None:
        self.entries.append({"Key": key, "Value": value})


@pytest.fixture
def consul(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[StandInConsul, ConsulFeatureFlagStore]]:
    """A store whose watcher has read one flag, and waits."""
    # The watcher has no other end than an exception.
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    server = StandInConsul()
    item = FeatureFlagStoreItem(FLAG, True, FeatureFlagStoreMeta(0))
    server.put(f"features/{FLAG}", item.serialize())
    store = ConsulFeatureFlagStore(server)
    assert server.seen.wait(WAIT_S)
    yield server, store
    server.stop.set()
    store._thread.join(WAIT_S)
    assert not store._thread.is_alive()


def test_consul_lists_nothing_that_can_be_used(
    consul: tuple[StandInConsul, ConsulFeatureFlagStore],
) -> None:
    _, store = consul
    assert list(store.list()) == [None]
    with pytest.raises(AttributeError):
        list(FeatureFlagClient(store).list())


def test_consul_does_not_read_its_own_write(
    consul: tuple[StandInConsul, ConsulFeatureFlagStore],
) -> None:
    server, store = consul
    client = FeatureFlagClient(store)
    client.disable(FLAG)
    assert b'"is_enabled": false' in server.entries[-1]["Value"]
    assert client.is_enabled(FLAG)


def test_consuls_watcher_asks_again_at_once_and_never_for_a_change(
    consul: tuple[StandInConsul, ConsulFeatureFlagStore],
) -> None:
    server, _ = consul
    assert server.asked == [{"recurse": True}, {"recurse": True}]


def test_consuls_watcher_dies_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(StandInConsul):
        def get(self, key: str, **options: Any) -> tuple[int, list[dict[str, Any]]]:
            raise OSError("500")

    died: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda error: died.append(error.exc_type))
    store = ConsulFeatureFlagStore(Failing())
    store._thread.join(WAIT_S)
    assert died == [OSError]
    assert store.get(FLAG) is None
