"""Writes of flipper-client, and the events round them."""

from __future__ import annotations

from typing import Any

import flipper.exceptions
import pytest
from flipper import Condition, FeatureFlagClient
from flipper.contrib import interface
from flipper.contrib.memory import MemoryFeatureFlagStore
from flipper.contrib.postgresql import PostgreSQLFeatureFlagStore
from flipper.contrib.redis import RedisFeatureFlagStore
from flipper.contrib.storage import FeatureFlagStoreItem, FeatureFlagStoreMeta
from flipper.events import EventType
from redis import Redis

from tests.flags.quirks.conftest import FLAG


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
