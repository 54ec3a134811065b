"""What flipper-client says to a question."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest
from flipper import Condition, FeatureFlagClient
from flipper.bucketing import (
    ConsistentHashPercentageBucketer,
    LinearRampPercentage,
    Percentage,
    PercentageBucketer,
)
from flipper.contrib.memory import MemoryFeatureFlagStore
from flipper.contrib.postgresql import PostgreSQLFeatureFlagStore
from flipper.contrib.redis import RedisFeatureFlagStore
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway

from tests.flags.quirks.conftest import FLAG
from tests.servers import free_port


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
            score: float = super()._score_hash(hashed)
            self.last = score
            return score

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
