"""Ruby Flipper's tables on a real PostgreSQL: time-outs, row locks, and a server that dies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from flags.model import FlagChanged, FlagError, FlagState, Gates, StoreUnavailable, UnknownFlag
from flags.stores.base import DISABLED, ENABLED
from flags.stores.sql import SqlFlagStore
from tests.flags.conftest import FLAG
from tests.servers import Postgres

TIMEOUT_S = 1.0
#: Connecting takes at least 2 s before libpq gives up, and the machine is busy.
SLACK_S = 3.0
ROLLOUT = Gates.of(("actors", "User;1"), ("percentage_of_actors", "12.5"))

USES = [
    pytest.param(lambda store: store.gates(FLAG), id="gates"),
    pytest.param(lambda store: store.flags(), id="flags"),
    pytest.param(lambda store: store.get(FLAG), id="get"),
    pytest.param(lambda store: store.set(FLAG, False), id="disable"),
    pytest.param(lambda store: store.replace_gates(FLAG, ENABLED), id="replace_gates"),
]


@pytest.fixture
def store(postgres_url: str) -> Iterator[SqlFlagStore]:
    opened = SqlFlagStore(postgres_url, TIMEOUT_S)
    opened.create_tables()
    opened.create(FLAG)
    yield opened
    opened.close()


@contextmanager
def transaction(url: str, statement: str) -> Iterator[psycopg.Connection[Any]]:
    """Another writer that has not committed yet."""
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())
        yield connection
        connection.rollback()


def is_quick(use: Callable[[], object], match: str) -> None:
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match=match):
        use()
    assert time.monotonic() - began < TIMEOUT_S + SLACK_S


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_the_usual_spellings_of_the_url_work(
    store: SqlFlagStore, postgres_url: str, scheme: str
) -> None:
    spelt = SqlFlagStore(postgres_url.replace("postgresql", scheme, 1), TIMEOUT_S)
    assert spelt.gates(FLAG) == DISABLED
    spelt.close()


@pytest.mark.parametrize(
    "url",
    ["postgresql://ann@host:hunter22/flags", "postgresql+asyncpg://ann:hunter22@host/flags"],
)
def test_an_unusable_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(FlagError, match=r"cannot use store\.url") as caught:
        SqlFlagStore(url)
    assert "hunter22" not in f"{caught.value} {caught.value!r} {caught.value.__cause__}"


def test_an_error_of_the_server_shows_no_password(postgres_server: Postgres) -> None:
    url = f"postgresql://ann:hunter22@127.0.0.1:{postgres_server.port}/absent"
    store = SqlFlagStore(url, TIMEOUT_S)
    with pytest.raises(StoreUnavailable, match="ann") as caught:
        store.gates(FLAG)
    assert "hunter22" not in f"{caught.value} {caught.value!r} {caught.value.__cause__} {store!r}"
    store.close()


def test_rubys_rows_are_written_read_and_deleted(store: SqlFlagStore, postgres_url: str) -> None:
    assert store.replace_gates(FLAG, ROLLOUT) == DISABLED
    (flag,) = store.flags()
    assert (flag.gates, flag.state) == (ROLLOUT, FlagState.CONDITIONAL)
    with psycopg.connect(postgres_url) as connection:
        query = b"SELECT feature_key, key, value FROM flipper_gates ORDER BY key"
        assert connection.execute(query).fetchall() == [(FLAG, *row) for row in ROLLOUT.rows]
        store.set(FLAG, False)
        assert connection.execute(query).fetchall() == []


def test_an_unknown_flag_is_an_error_and_is_not_created(store: SqlFlagStore) -> None:
    for use in (store.gates, lambda name: store.set(name, False)):
        with pytest.raises(UnknownFlag):
            use("nobody")
    assert [flag.name for flag in store.flags()] == [FLAG]


def test_a_second_writer_waits_for_the_row_lock_and_sees_what_the_first_wrote(
    store: SqlFlagStore, postgres_url: str
) -> None:
    lock = f"SELECT * FROM flipper_features WHERE key = '{FLAG}' FOR UPDATE"  # noqa: S608
    add = (
        "INSERT INTO flipper_gates (feature_key, key, value, created_at, updated_at) "  # noqa: S608
        f"VALUES ('{FLAG}', 'boolean', 'true', now(), now())"
    )
    patient = SqlFlagStore(postgres_url, 20)
    with transaction(postgres_url, lock) as first, ThreadPoolExecutor(1) as pool:
        second = pool.submit(patient.replace_gates, FLAG, ROLLOUT, DISABLED)
        wait_until_blocked(postgres_url)
        first.execute(add.encode())
        first.commit()
        with pytest.raises(FlagChanged) as caught:
            second.result(20)
    assert caught.value.found == ENABLED
    assert store.gates(FLAG) == ENABLED, "the second wrote nothing"
    patient.close()


def wait_until_blocked(url: str) -> None:
    until = time.monotonic() + 20
    query = b"SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(query).fetchone() == (0,):
            assert time.monotonic() < until, "nobody waits for the lock"


@pytest.mark.parametrize("use", USES)
def test_a_locked_table_is_unavailable_within_the_timeout_and_works_after_it(
    store: SqlFlagStore, postgres_url: str, use: Callable[[SqlFlagStore], object]
) -> None:
    locked = "LOCK TABLE flipper_features, flipper_gates IN ACCESS EXCLUSIVE MODE"
    with transaction(postgres_url, locked):
        is_quick(lambda: use(store), "timeout")
    use(store)


def test_readers_wait_for_no_writer(store: SqlFlagStore, postgres_url: str) -> None:
    kill = "DELETE FROM flipper_gates; UPDATE flipper_features SET updated_at = now()"
    store.set(FLAG, True)
    with transaction(postgres_url, kill):
        assert store.gates(FLAG) == ENABLED
    assert store.gates(FLAG) == ENABLED


def test_a_row_that_another_writer_adds_meanwhile_is_no_error(
    store: SqlFlagStore, postgres_url: str
) -> None:
    add = (
        "INSERT INTO flipper_gates (feature_key, key, value, created_at, updated_at) "  # noqa: S608
        f"VALUES ('{FLAG}', 'boolean', 'true', now(), now())"
    )
    patient = SqlFlagStore(postgres_url, 20)
    with transaction(postgres_url, add) as ruby, ThreadPoolExecutor(1) as pool:
        ours = pool.submit(patient.set, FLAG, True)
        wait_until_blocked(postgres_url)
        ruby.commit()
        ours.result(20)
    assert store.gates(FLAG) == ENABLED
    patient.close()


@pytest.mark.parametrize("use", USES)
def test_the_first_call_after_a_restart_works_though_every_pooled_line_is_dead(
    store: SqlFlagStore, postgres_server: Postgres, use: Callable[[SqlFlagStore], object]
) -> None:
    use(store)
    with postgres_server.away():
        pass
    use(store)


def test_a_server_that_is_away_is_unavailable_within_the_timeout(
    store: SqlFlagStore, postgres_server: Postgres
) -> None:
    with postgres_server.away():
        is_quick(lambda: store.gates(FLAG), "refused")
        is_quick(lambda: store.set(FLAG, False), "refused")
    store.set(FLAG, True)
    assert store.gates(FLAG) == ENABLED


@pytest.mark.parametrize("use", USES)
def test_a_frozen_server_is_unavailable_within_the_timeout(
    store: SqlFlagStore, postgres_server: Postgres, use: Callable[[SqlFlagStore], object]
) -> None:
    use(store)
    with postgres_server.frozen():
        is_quick(lambda: use(store), "in time|timeout")
        is_quick(lambda: use(store), "in time|timeout")
    use(store)


def test_a_server_killed_in_the_middle_of_a_kill_leaves_the_flag_whole(
    store: SqlFlagStore, postgres_server: Postgres, postgres_url: str
) -> None:
    store.replace_gates(FLAG, ROLLOUT)
    lock = f"SELECT * FROM flipper_gates WHERE feature_key = '{FLAG}' FOR UPDATE"  # noqa: S608
    patient = SqlFlagStore(postgres_url, 20)
    with ThreadPoolExecutor(1) as pool:
        holder = psycopg.connect(postgres_url)
        holder.execute(lock.encode())
        kill = pool.submit(patient.set, FLAG, False)
        wait_until_blocked(postgres_url)
        with postgres_server.away(), pytest.raises(StoreUnavailable):
            kill.result(20)
        holder.close()
    assert patient.gates(FLAG) == ROLLOUT, "nothing of the kill was committed"
    patient.set(FLAG, False)
    assert store.gates(FLAG) == DISABLED
    patient.close()


def test_more_callers_than_connections_are_told_so_in_time(store: SqlFlagStore) -> None:
    with ExitStack() as busy:
        for _ in range(15):
            busy.enter_context(store._begin("read", FLAG))
        is_quick(lambda: store.gates(FLAG), "QueuePool limit")
    assert store.gates(FLAG) == DISABLED
