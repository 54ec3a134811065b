"""Every store that a configuration can name, on its real server, behind one handful of verbs."""

from __future__ import annotations

import functools
import json
import sqlite3
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
import redis
from flipper import Condition, FeatureFlagClient
from flipper.bucketing import ConsistentHashPercentageBucketer, Percentage
from flipper.contrib.interface import AbstractFeatureFlagStore
from flipper.contrib.postgresql import PostgreSQLFeatureFlagStore
from flipper.contrib.redis import RedisFeatureFlagStore
from flipper.contrib.s3 import S3FeatureFlagStore
from flipper.contrib.storage import FeatureFlagStoreMeta

from config.schema import (
    FlipperApiStore,
    MemoryStore,
    PostgresStore,
    RedisStore,
    S3Store,
    SqlStore,
    StoreSpec,
)
from flags.gates import META
from flags.model import Gates
from flags.stores.base import DISABLED, ENABLED, FlagStore
from flags.stores.open import open_store
from flags.stores.sql import SqlFlagStore
from tests.flags.api import TOKEN, FlipperApi
from tests.servers import Postgres, Redis, Server, answers, free_port

#: libpq, whatever it is told, gives a connection two seconds: below a promise of `timeout_s + 1`.
TIMEOUT_S = 1.2
#: Where time is not the question, on a machine that may be busy.
PATIENT_S = 10.0
FLAG = "representative_status_enabled"

Outage = Callable[[], AbstractContextManager[None]]

RUBY_ROLLOUTS = (
    DISABLED,
    ENABLED,
    Gates.of(("actors", "User;1"), ("actors", "User;2")),
    Gates.of(("groups", "nobody_registered_this")),
    Gates.of(("percentage_of_actors", "12.5")),
    Gates.of(("percentage_of_actors", "0"), ("percentage_of_time", "10")),
    Gates.of(("boolean", "true"), ("actors", "User;1"), ("percentage_of_actors", "25")),
    Gates.of(
        ("expression", '{"Equal":[{"Property":["plan"]},"basic"]}'),
        ("actors", "user/with spaces & ümlauts"),
        ("groups", "beta"),
        ("percentage_of_actors", "50"),
        ("percentage_of_time", "1"),
    ),
)


def _meta(*conditions: Condition, share: float | None = None) -> tuple[str, str]:
    bucketer = (
        ConsistentHashPercentageBucketer(key_whitelist=["user"], percentage=Percentage(share))
        if share is not None
        else None
    )
    meta = FeatureFlagStoreMeta(1, {}, conditions=list(conditions), bucketer=bucketer)
    return META, json.dumps(meta.to_dict())


CLIENT_ROLLOUTS = (
    Gates.of(_meta()),
    Gates.of(("boolean", "true"), _meta()),
    Gates.of(("boolean", "true"), _meta(Condition(user__in=[7, 8]), Condition(plan="basic"))),
    Gates.of(("boolean", "true"), _meta(share=0.25)),
    Gates.of(_meta(share=0.25)),
)


@dataclass
class Subject:
    """A store under test, and what only its application and its server could do."""

    opens: Callable[[float], FlagStore]
    create: Callable[[str, bool], None]
    """As the application creates a flag: a name, on or off."""
    outages: dict[str, Outage] = field(default_factory=dict)
    rollouts: tuple[Gates, ...] = RUBY_ROLLOUTS
    rounds: int = 200
    """Races of each kind that fit into a few seconds; together they are over a thousand."""
    lanes: int = 1
    """Flags that are raced for side by side: flipper-client's stores watch each write a while."""
    closes: list[Callable[[], None]] = field(default_factory=list)

    def open(self, timeout_s: float = PATIENT_S) -> FlagStore:
        """Open one more handle, as another process would."""
        store = self.opens(timeout_s)
        self.closes.append(store.close)
        return store


def opener(spec: StoreSpec) -> Callable[[float], FlagStore]:
    return lambda timeout_s: open_store(spec.model_copy(update={"timeout_s": timeout_s}))


def sql_sqlite(request: pytest.FixtureRequest) -> Subject:
    path = request.getfixturevalue("tmp_path") / "flags.sqlite"

    @contextmanager
    def locked() -> Iterator[None]:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
            connection.execute("ROLLBACK")

    subject = _sql(f"sqlite:///{path}")
    subject.outages["locked"] = locked
    return subject


def sql_postgresql(request: pytest.FixtureRequest) -> Subject:
    server: Postgres = request.getfixturevalue("postgres_server")
    subject = _sql(server.url("postgresql+psycopg"))
    subject.outages = {"stopped": server.away, "frozen": server.frozen}
    return subject


def _sql(url: str) -> Subject:
    application = SqlFlagStore(url, 10)
    application.create_tables()

    def create(name: str, on: bool) -> None:
        application.create(name, on)

    spec = SqlStore(url=url)
    return Subject(opener(spec), create, closes=[application.close])


def flipper_api(request: pytest.FixtureRequest) -> Subject:
    server: FlipperApi = request.getfixturevalue("flipper_api_server")
    for feature in server.call("GET", "").json()["features"]:
        server.call("DELETE", f"/{feature['key']}")

    def create(name: str, on: bool) -> None:
        server.call("POST", "", name=name)
        if on:
            server.call("POST", f"/{name}/boolean")

    spec = FlipperApiStore(kind="flipper_api", base_url=server.base_url, token=TOKEN)
    outages: dict[str, Outage] = {"stopped": server.away, "frozen": server.frozen}
    return Subject(opener(spec), create, outages, rounds=60)


def redis_store(request: pytest.FixtureRequest) -> Subject:
    server: Redis = request.getfixturevalue("redis_server")
    url: str = request.getfixturevalue("redis_url")
    line = redis.Redis.from_url(url)
    application = RedisFeatureFlagStore(line, base_key="features")
    return Subject(
        opener(RedisStore(kind="redis", url=url)),
        _creator(application),
        {"stopped": server.away, "frozen": server.frozen},
        CLIENT_ROLLOUTS,
        rounds=280,
        lanes=14,
        closes=[line.close],
    )


def postgres_store(request: pytest.FixtureRequest) -> Subject:
    server: Postgres = request.getfixturevalue("postgres_server")
    url = server.url()
    application = PostgreSQLFeatureFlagStore(url)
    return Subject(
        opener(PostgresStore(kind="postgres", url=url)),
        _creator(application),
        {"stopped": server.away, "frozen": server.frozen},
        CLIENT_ROLLOUTS,
        rounds=64,
        lanes=8,
    )


def s3_store(request: pytest.FixtureRequest) -> Subject:
    server: Server = request.getfixturevalue("s3_server")
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", TOKEN)
    endpoint = f"http://127.0.0.1:{server.port}"
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    bucket = f"flags-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    spec = S3Store(kind="s3", bucket=bucket, endpoint_url=endpoint, region="us-east-1")
    return Subject(
        opener(spec),
        _creator(S3FeatureFlagStore(client, bucket)),
        {"frozen": server.frozen},  # stopped, it would forget its buckets
        CLIENT_ROLLOUTS,
        rounds=16,
        lanes=8,
        closes=[client.close],
    )


def memory_store(_: pytest.FixtureRequest) -> Subject:
    flags: dict[str, bool] = {}

    @functools.cache
    def only() -> FlagStore:
        # A second handle is the same object: nobody else can reach this memory.
        return open_store(MemoryStore(kind="memory", flags=flags))

    return Subject(
        lambda _: only(), flags.__setitem__, rollouts=CLIENT_ROLLOUTS, rounds=280, lanes=14
    )


def _creator(application: AbstractFeatureFlagStore) -> Callable[[str, bool], None]:
    client = FeatureFlagClient(application)

    def create(name: str, on: bool) -> None:
        client.create(name, on, client_data={"owner": "the application"})

    return create


MAKERS = {
    "sql-sqlite": sql_sqlite,
    "sql-postgresql": sql_postgresql,
    "flipper_api": flipper_api,
    "redis": redis_store,
    "postgres": postgres_store,
    "s3": s3_store,
    "memory": memory_store,
}


@pytest.fixture(params=MAKERS)
def subject(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Subject]:
    """One store, with `FLAG` on in it, and nothing else."""
    made = MAKERS[request.param](request)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # lock files go with the test
    made.create(FLAG, True)
    yield made
    for close in made.closes:
        close()


@pytest.fixture
def store(subject: Subject) -> FlagStore:
    return subject.open()


@pytest.fixture(scope="session")
def flipper_api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlipperApi]:
    server = FlipperApi(tmp_path_factory.mktemp("api"), token=TOKEN)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    program = str(Path(sys.executable).parent / "moto_server")
    log = tmp_path_factory.mktemp("s3") / "log"
    server = Server((program, "-H", "127.0.0.1", "-p", str(port)), port, log, lambda: answers(port))
    server.start()
    yield server
    server.stop()
