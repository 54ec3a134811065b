"""Every store of flipper-client with one flag in it, and a stand-in for S3."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flipper import FeatureFlagClient
from moto.server import ThreadedMotoServer

from tests.flags.client.worlds import (
    CONDITION,
    FLAG,
    HALF,
    World,
    memory_world,
    postgres_world,
    redis_world,
    s3_world,
)


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """A stand-in for S3 on a free loopback port."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of nobody."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


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
