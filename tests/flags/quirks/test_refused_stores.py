"""Cached, replicated and Consul: the stores of flipper-client that we refuse."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flipper.exceptions
import pytest
from flipper import FeatureFlagClient
from flipper.contrib.cached import CachedFeatureFlagStore
from flipper.contrib.consul import ConsulFeatureFlagStore
from flipper.contrib.memory import MemoryFeatureFlagStore
from flipper.contrib.replicated import ReplicatedFeatureFlagStore
from flipper.contrib.storage import FeatureFlagStoreItem, FeatureFlagStoreMeta

from tests.flags.quirks.conftest import FLAG, WAIT_S


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
