"""Each store of flipper-client twice over the same data: ours, and the library's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import boto3
import psycopg
from flipper import Condition
from flipper.bucketing import ConsistentHashPercentageBucketer, Percentage
from flipper.contrib.interface import AbstractFeatureFlagStore
from flipper.contrib.postgresql import PostgreSQLFeatureFlagStore
from flipper.contrib.redis import RedisFeatureFlagStore
from flipper.contrib.s3 import S3FeatureFlagStore
from redis import Redis

from flags.stores.client.base import ClientFlagStore
from flags.stores.client.memory import MemoryFlagStore
from flags.stores.client.postgres import PostgresFlagStore
from flags.stores.client.redis import RedisFlagStore
from flags.stores.client.s3 import S3FlagStore

FLAG = "assessment_fallback"
BUCKET = "flags"
TIMEOUT_S = 2.0
CONDITION = Condition(admin=True)
HALF = ConsistentHashPercentageBucketer(key_whitelist=["user"], percentage=Percentage(0.5))


@dataclass(frozen=True)
class World:
    """One store's data, seen by two handles of ours and by the library."""

    kind: str
    ours: ClientFlagStore
    other: ClientFlagStore
    plain: AbstractFeatureFlagStore
    put: Callable[[str, bytes], object]
    raw: Callable[[str], bytes]


def redis_world(url: str) -> World:
    redis = Redis.from_url(url)
    return World(
        "redis",
        RedisFlagStore(url, timeout_s=TIMEOUT_S),
        RedisFlagStore(url, timeout_s=TIMEOUT_S),
        RedisFeatureFlagStore(redis),
        lambda name, raw: redis.set(f"features/{name}", raw),
        lambda name: bytes(redis.get(f"features/{name}") or b""),
    )


def postgres_world(url: str) -> World:
    def put(name: str, raw: bytes) -> None:
        with psycopg.connect(url) as line:
            line.execute("DELETE FROM feature_flags WHERE name = %s", (name,))
            line.execute("INSERT INTO feature_flags VALUES (%s, %s)", (name, raw))

    def raw_of(name: str) -> bytes:
        with psycopg.connect(url) as line:
            found = line.execute("SELECT item FROM feature_flags WHERE name = %s", (name,))
            row = found.fetchone()
            return bytes(row[0]) if row else b""

    plain = PostgreSQLFeatureFlagStore(url)  # creates the table
    return World(
        "postgres",
        PostgresFlagStore(url, timeout_s=TIMEOUT_S),
        PostgresFlagStore(url, timeout_s=TIMEOUT_S),
        plain,
        put,
        raw_of,
    )


def s3_world(url: str) -> World:
    client = boto3.client("s3", endpoint_url=url)
    client.create_bucket(Bucket=BUCKET)
    for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=entry["Key"])
    plain = S3FeatureFlagStore(client, BUCKET)

    def raw_of(name: str) -> bytes:
        try:
            return bytes(client.get_object(Bucket=BUCKET, Key=name)["Body"].read())
        except client.exceptions.NoSuchKey:
            return b""

    return World(
        "s3",
        S3FlagStore(BUCKET, url, "us-east-1", TIMEOUT_S),
        S3FlagStore(BUCKET, url, "us-east-1", TIMEOUT_S),
        plain,
        lambda name, raw: client.put_object(Bucket=BUCKET, Key=name, Body=raw),
        raw_of,
    )


def memory_world() -> World:
    ours = MemoryFlagStore()

    def raw_of(name: str) -> bytes:
        item = ours.shared.get(name)
        return b"" if item is None else bytes(item.serialize())

    return World("memory", ours, ours, ours.shared, lambda _, raw: ours.shared.put(raw), raw_of)


def stored(world: World, name: str = FLAG) -> object:
    return json.loads(world.raw(name))
