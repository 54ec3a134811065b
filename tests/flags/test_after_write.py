"""After a write the application's caches forget the flag, and its audit table tells of us."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from sqlalchemy import create_engine, text
from structlog.testing import capture_logs

from config.schema import AfterWrite, SqlStore
from flags.model import FlagChanged, FlagError, Gates, StoreUnavailable, UnknownFlag
from flags.stores.after_write import operations
from flags.stores.base import DISABLED, ENABLED
from flags.stores.open import open_store
from flags.stores.sql import SqlFlagStore
from tests.flags.conftest import FLAG
from tests.flags.ruby import Ruby, database_url, ruby_process
from tests.servers import Redis, free_port

TIMEOUT_S = 5.0
#: A sick Redis costs a write one second to connect and one to answer, at most; and some slack.
SICK_S = 3.5
HIDDEN = "hunter22"
ROLLOUT = Gates.of(("actors", "User;1"), ("percentage_of_actors", "12.5"))
Open = Callable[..., SqlFlagStore]


@pytest.fixture
def opened(url: str) -> Iterator[Open]:
    """Open stores with one flag on SQLite, and close them in the end."""
    with ExitStack() as stack:

        def open_with(**options: Any) -> SqlFlagStore:
            found = SqlFlagStore(url, TIMEOUT_S, AfterWrite(**options))
            stack.callback(found.close)
            found.create_tables()
            found.create(FLAG)
            return found

        yield open_with


def keys(redis_url: str) -> set[str]:
    with closing(redis.Redis.from_url(redis_url)) as client:
        return {key.decode() for key in client.scan_iter()}


def fill(redis_url: str, *names: str) -> None:
    with closing(redis.Redis.from_url(redis_url)) as client:
        client.mset(dict.fromkeys(names, "old"))


# --- caches ---------------------------------------------------------------------------------


def test_exactly_the_flags_own_keys_and_the_lists_are_deleted(opened: Open, redis_url: str) -> None:
    gone = ["ns:flipper/v1/feature/" + FLAG, "ns:flipper/v1/get_all", "features_with_gate_keys"]
    others = ["ns:flipper/v1/feature/another", "flipper/v1/get_all", "ns:flipper/v1/features"]
    fill(redis_url, *gone, f"mine/{FLAG}/x", *others)
    more = ("features_with_gate_keys", "mine/{flag}/x")
    store = opened(redis_url=redis_url, key_prefix="ns:", more_keys=more)
    store.gates(FLAG)
    assert set(gone) < keys(redis_url), "reading deletes nothing"
    store.set(FLAG, False)
    assert keys(redis_url) == set(others)
    assert store.cache_problem is None


def test_writing_what_is_there_still_forgets_the_cache(opened: Open, redis_url: str) -> None:
    store = opened(redis_url=redis_url)
    store.set(FLAG, False)
    fill(redis_url, f"flipper/v1/feature/{FLAG}")
    store.set(FLAG, False)
    assert keys(redis_url) == set(), "an earlier attempt may have died before it"


def test_a_refused_write_leaves_the_cache_alone(opened: Open, redis_url: str) -> None:
    store = opened(redis_url=redis_url)
    fill(redis_url, f"flipper/v1/feature/{FLAG}", "flipper/v1/feature/nobody")
    with pytest.raises(FlagChanged):
        store.replace_gates(FLAG, ROLLOUT, expected=ENABLED)
    with pytest.raises(UnknownFlag):
        store.set("nobody", False)
    assert len(keys(redis_url)) == 2


def is_written_despite(store: SqlFlagStore) -> None:
    with capture_logs() as logs:
        began = time.monotonic()
        store.set(FLAG, True)
        assert time.monotonic() - began < SICK_S
    assert store.gates(FLAG) == ENABLED
    assert store.cache_problem is not None
    assert "cannot delete" in store.cache_problem
    (line,) = logs
    assert (line["event"], line["flag"]) == ("flag_cache_not_forgotten", FLAG)
    assert HIDDEN not in f"{store.cache_problem} {logs} {store!r}"


def test_a_redis_that_is_away_loses_no_write_and_is_told_all_with_the_next_one(
    opened: Open, redis_url: str, redis_server: Redis
) -> None:
    store = opened(redis_url=redis_url)
    store.create("another")
    store.set(FLAG, False)
    cached = {f"flipper/v1/feature/{FLAG}", "flipper/v1/feature/another"}
    fill(redis_url, *cached)
    with redis_server.away():
        is_written_despite(store)
    assert keys(redis_url) == cached
    store.set("another", False)
    assert keys(redis_url) == set(), "the key that was owed, and the new one"
    assert store.cache_problem is None
    fill(redis_url, *cached)
    store.set("another", False)
    assert keys(redis_url) == {f"flipper/v1/feature/{FLAG}"}, "nothing is owed any more"


def test_a_redis_that_came_back_is_told_at_the_next_poll(
    opened: Open, redis_url: str, redis_server: Redis
) -> None:
    store = opened(redis_url=redis_url)
    store.set(FLAG, False)
    cached = f"flipper/v1/feature/{FLAG}"
    fill(redis_url, cached)
    with redis_server.away():
        is_written_despite(store)
        assert store.after_write_problem is not None
        with capture_logs() as logs:
            store.flags()
        assert logs == [], "said once"
    assert keys(redis_url) == {cached}
    store.flags()
    assert keys(redis_url) == set()
    assert store.after_write_problem is None


def test_a_cache_filled_from_before_our_commit_is_forgotten_at_the_next_poll(
    opened: Open, redis_url: str
) -> None:
    store = opened(redis_url=redis_url)
    store.set(FLAG, False)
    cached = f"flipper/v1/feature/{FLAG}"
    fill(redis_url, cached)
    store.flags()
    assert keys(redis_url) == set()
    fill(redis_url, cached)
    store.flags()
    assert keys(redis_url) == {cached}, "once more, not for ever"


def test_a_redis_that_is_frozen_delays_a_write_by_its_own_short_timeout(
    opened: Open, redis_url: str, redis_server: Redis
) -> None:
    store = opened(redis_url=redis_url)
    store.set(FLAG, False)
    with redis_server.frozen():
        is_written_despite(store)
    store.set(FLAG, False)
    assert store.cache_problem is None


def test_a_redis_that_refuses_our_password_loses_no_write_and_shows_it_nowhere(
    opened: Open, redis_server: Redis
) -> None:
    is_written_despite(opened(redis_url=f"redis://ann:hunter22@127.0.0.1:{redis_server.port}/0"))
    is_written_despite(opened(redis_url=f"redis://:hunter22@127.0.0.1:{free_port()}/0"))


@pytest.mark.parametrize("url", ["redis://ann@host:hunter22/0", "http://ann:hunter22@host/0"])
def test_an_unusable_redis_url_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    spec = SqlStore(
        url=f"sqlite:///{tmp_path / 'flags.sqlite'}", after_write=AfterWrite(redis_url=url)
    )
    with pytest.raises(FlagError, match=r"after_write\.redis_url") as caught:
        open_store(spec)
    assert "hunter22" not in f"{caught.value} {caught.value.__cause__}"


# --- the audit table ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (ENABLED, DISABLED, [("disable", "boolean", "false")]),
        (ROLLOUT, DISABLED, [("disable", "boolean", "false")]),
        (ROLLOUT, ENABLED, [("enable", "boolean", "true")]),
        (
            ENABLED,
            ROLLOUT,
            [
                ("disable", "boolean", "false"),
                ("enable", "actor", "User;1"),
                ("enable", "percentage_of_actors", "12.5"),
            ],
        ),
        (
            ROLLOUT,
            Gates.of(("groups", "beta"), ("percentage_of_actors", "50")),
            [
                ("disable", "actor", "User;1"),
                ("enable", "group", "beta"),
                ("enable", "percentage_of_actors", "50"),
            ],
        ),
        (
            Gates.of(("actors", "A"), ("percentage_of_time", "5")),
            Gates.of(("actors", "A")),
            [("disable", "percentage_of_time", "0")],
        ),
    ],
)
def test_a_write_is_told_as_the_operations_that_ruby_would_have_made(
    before: Gates, after: Gates, expected: list[tuple[str, str, str]]
) -> None:
    assert list(operations(before, after)) == expected


@pytest.fixture(scope="module")
def ruby() -> Iterator[Ruby]:
    with ruby_process() as process:
        yield process


@pytest.fixture(params=["sqlite", "postgres"])
def railed(request: pytest.FixtureRequest, ruby: Ruby, tmp_path: Path) -> str:
    """A database with Rails's own tables, the audit table among them, and one flag."""
    address = database_url(request, request.param, tmp_path)
    ruby.connect(address)
    ruby("tables", True)
    ruby("apply", [[FLAG, "enable"]])
    return address


def query(url: str, statement: str, **values: str) -> list[tuple[Any, ...]]:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        result = connection.execute(text(statement), values)
        rows = [tuple(row) for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


EVENTS = 'SELECT feature_name, operation, gate_name, value, "user" FROM feature_toggle_events'
TELL = (
    'INSERT INTO feature_toggle_events (feature_name, "user", created_at, updated_at) '
    "VALUES (:feature, :user, '2020-01-01', '2020-01-01')"
)


def test_a_change_is_one_audit_row_of_ours_and_no_change_is_none(railed: str) -> None:
    with closing(SqlFlagStore(railed, TIMEOUT_S, AfterWrite(toggle_event=True))) as store:
        assert store.last_writer(FLAG) is None
        for _ in range(2):
            store.set(FLAG, False)
        assert query(railed, EVENTS) == [(FLAG, "disable", "boolean", "false", "tripflag")]
        assert store.last_writer(FLAG) == "tripflag"
        query(railed, TELL, feature=FLAG, user="ann@example.org")
        query(railed, TELL, feature="another", user="bob@example.org")
        assert store.last_writer(FLAG) == "ann@example.org"
        assert store.last_writer("nobody") is None
        assert (store.event_problem, store.cache_problem) == (None, None)


def test_without_the_option_there_is_no_audit_row_and_no_last_writer(railed: str) -> None:
    with closing(SqlFlagStore(railed, TIMEOUT_S, AfterWrite())) as store:
        store.set(FLAG, False)
        assert query(railed, EVENTS) == []
        query(railed, TELL, feature=FLAG, user="ann@example.org")
        assert store.last_writer(FLAG) is None


def test_without_the_table_the_option_does_nothing(opened: Open) -> None:
    store = opened(toggle_event=True)
    store.set(FLAG, True)
    assert store.gates(FLAG) == ENABLED
    assert store.last_writer(FLAG) is None
    assert store.event_problem is None


def test_an_audit_table_that_refuses_the_row_does_not_stop_a_kill(railed: str) -> None:
    query(railed, 'ALTER TABLE feature_toggle_events DROP COLUMN "value"')
    with (
        closing(SqlFlagStore(railed, TIMEOUT_S, AfterWrite(toggle_event=True))) as store,
        capture_logs() as logs,
    ):
        store.set(FLAG, False)
        assert store.gates(FLAG) == DISABLED
        assert store.event_problem is not None
        assert [line["event"] for line in logs] == ["toggle_event_not_written"]


def test_a_write_that_is_rolled_back_leaves_no_audit_row(postgres_url: str, ruby: Ruby) -> None:
    ruby.connect(postgres_url)
    ruby("tables", True)
    ruby("apply", [[FLAG, "enable"]])
    refuse = """
        CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE 'no commit'; END $$
        LANGUAGE plpgsql;
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON feature_toggle_events
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()
    """
    with psycopg.connect(postgres_url) as connection:
        connection.execute(refuse.encode())
    with closing(SqlFlagStore(postgres_url, TIMEOUT_S, AfterWrite(toggle_event=True))) as store:
        with pytest.raises(StoreUnavailable, match="no commit"):
            store.set(FLAG, False)
        assert store.gates(FLAG) == ENABLED
    assert query(postgres_url, EVENTS) == [], "one transaction: both or neither"


# --- the real Ruby with its cache in a real Redis ---------------------------------------------


@pytest.mark.parametrize("namespace", [None, "vets-api"])
def test_ruby_behind_its_redis_cache_sees_our_kill_at_once(
    railed: str, ruby: Ruby, redis_url: str, redis_server: Redis, namespace: str | None
) -> None:
    ruby("cache", redis_server.port, namespace)
    prefix = f"{namespace}:" if namespace else ""
    assert ruby("cached", FLAG) == [True, True]
    assert f"{prefix}flipper/v1/feature/{FLAG}" in keys(redis_url)
    with closing(SqlFlagStore(railed, TIMEOUT_S)) as alone:
        alone.set(FLAG, False)
    assert ruby("cached", FLAG) == [True, True], "the trap: Ruby still serves its cache"
    after = AfterWrite(redis_url=redis_url, key_prefix=prefix)
    with closing(SqlFlagStore(railed, TIMEOUT_S, after)) as store:
        for value in (False, True, False):
            store.set(FLAG, value)
            assert ruby("cached", FLAG) == [value, value]
