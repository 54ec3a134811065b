"""The contract of a flag store, on a real SQLite file with Ruby Flipper's own rows."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from flipper import FeatureFlagClient
from flipper.contrib.storage import FeatureFlagStoreMeta
from flipper.exceptions import FlagDoesNotExistError

from flags.model import FlagError, FlagState, Gates, StoreUnavailable, UnknownFlag
from flags.stores.base import DISABLED, ENABLED
from flags.stores.sql import SqlFlagStore
from tests.flags.conftest import FLAG, TIMEOUT_S

Lock = Callable[[str], AbstractContextManager[None]]
DEADLINE_S = 10


def rows(folder: Path, table: str) -> list[tuple[object, ...]]:
    columns = "key" if table == "flipper_features" else "feature_key, key, value"
    with sqlite3.connect(folder / "flags.sqlite") as connection:
        query = f"SELECT {columns} FROM {table} ORDER BY id"  # noqa: S608
        return connection.execute(query).fetchall()


def test_what_ruby_would_find_after_enabling_and_disabling(
    store: SqlFlagStore, tmp_path: Path
) -> None:
    assert rows(tmp_path, "flipper_features") == [(FLAG,)]
    store.set(FLAG, True)
    assert rows(tmp_path, "flipper_gates") == [(FLAG, "boolean", "true")]
    store.set(FLAG, False)
    assert rows(tmp_path, "flipper_gates") == [], "Ruby writes no false row"


def test_what_ruby_wrote_is_read_as_it_is(store: SqlFlagStore, tmp_path: Path) -> None:
    ruby = [
        (FLAG, "actors", "User;1"),
        (FLAG, "percentage_of_actors", "12.5"),
        (FLAG, "boolean", None),
        ("a_flag_that_was_removed", "boolean", "true"),
    ]
    with sqlite3.connect(tmp_path / "flags.sqlite") as connection:
        connection.executemany(
            "INSERT INTO flipper_gates (feature_key, key, value, created_at, updated_at) "
            "VALUES (?, ?, ?, '2026-01-01', '2026-01-01')",
            ruby,
        )
    gates = Gates.of(("actors", "User;1"), ("percentage_of_actors", "12.5"))
    assert store.gates(FLAG) == gates
    (flag,) = store.flags()
    assert (flag.name, flag.state, flag.gates) == (FLAG, FlagState.CONDITIONAL, gates)


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.gates("nobody"),
        lambda store: store.replace_gates("nobody", ENABLED),
        lambda store: store.set("nobody", True),
        lambda store: store.set("nobody", False),
    ],
    ids=["gates", "replace_gates", "enable", "disable"],
)
def test_an_unknown_flag_is_an_error_and_is_not_created(
    store: SqlFlagStore, tmp_path: Path, use: Callable[[SqlFlagStore], object]
) -> None:
    with pytest.raises(UnknownFlag, match="no flag 'nobody'"):
        use(store)
    assert store.get("nobody") is None
    assert rows(tmp_path, "flipper_features") == [(FLAG,)]
    assert rows(tmp_path, "flipper_gates") == []


@pytest.mark.parametrize("value", [True, False])
def test_writing_what_is_there_changes_nothing(store: SqlFlagStore, value: bool) -> None:
    for _ in range(2):
        store.set(FLAG, value)
        assert store.gates(FLAG) == (ENABLED if value else DISABLED)


def test_replacing_gates_tells_what_they_were(store: SqlFlagStore) -> None:
    tenth = Gates.of(("percentage_of_actors", "10"))
    assert store.replace_gates(FLAG, tenth) == DISABLED
    assert store.replace_gates(FLAG, ENABLED) == tenth


def test_two_handles_see_each_others_writes_at_once(
    store: SqlFlagStore, other: SqlFlagStore
) -> None:
    for value in (True, False, True):
        store.set(FLAG, value)
        assert other.gates(FLAG) == (ENABLED if value else DISABLED)
        item = other.get(FLAG)
        assert item is not None
        assert item.is_enabled() is value


def test_writers_at_once_leave_one_whole_set_of_gates(
    store: SqlFlagStore, other: SqlFlagStore
) -> None:
    patient = [SqlFlagStore(str(each._database.engine.url), DEADLINE_S) for each in (store, other)]
    sets = [Gates.of(*(("actors", f"{name};{n}") for n in range(20))) for name in ("User", "Robot")]
    failures: list[BaseException] = []

    def write(handle: SqlFlagStore, gates: Gates) -> None:
        try:
            for _ in range(10):
                before = handle.replace_gates(FLAG, gates)
                assert before in (*sets, DISABLED)
        except BaseException as cause:
            failures.append(cause)

    threads = [
        threading.Thread(target=write, args=pair) for pair in zip(patient, sets, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    for handle in patient:
        handle.close()
    assert failures == []
    assert store.gates(FLAG) in sets


@pytest.mark.parametrize(
    ("mode", "use"),
    [
        ("IMMEDIATE", lambda store: store.set(FLAG, False)),
        ("IMMEDIATE", lambda store: store.create("another")),
        ("IMMEDIATE", lambda store: store.delete(FLAG)),
        ("EXCLUSIVE", lambda store: store.gates(FLAG)),
        ("EXCLUSIVE", lambda store: store.flags()),
        ("EXCLUSIVE", lambda store: store.get(FLAG)),
        ("EXCLUSIVE", lambda store: store.set(FLAG, False)),
    ],
)
def test_a_locked_database_is_unavailable_within_the_timeout_and_works_again_after_it(
    store: SqlFlagStore, locked: Lock, mode: str, use: Callable[[SqlFlagStore], object]
) -> None:
    with locked(mode):
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="database is locked"):
            use(store)
        assert time.monotonic() - began < TIMEOUT_S + 5, "the handle's timeout, not the driver's"
    use(store)


def test_readers_wait_neither_for_each_other_nor_for_a_writer_that_has_not_committed(
    store: SqlFlagStore, other: SqlFlagStore, locked: Lock
) -> None:
    with locked("IMMEDIATE"), store._begin("read", FLAG):
        assert other.gates(FLAG) == DISABLED
        assert len(other.flags()) == 1


def test_a_database_without_tables_or_folder_is_unavailable(tmp_path: Path) -> None:
    for path in (tmp_path / "empty.sqlite", tmp_path / "absent" / "flags.sqlite"):
        store = SqlFlagStore(f"sqlite:///{path}", TIMEOUT_S)
        with pytest.raises(StoreUnavailable, match="Check that the flag store is up"):
            store.flags()
        store.close()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://ann:hunter22@host/flags",
        "nosuchdialect://ann:hunter22@host/flags",
        "postgresql+nosuchdriver://ann:hunter22@host/flags",
        "mysql+oursql://ann:hunter22@host/flags",
        "ann:hunter22@host",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(FlagError, match=r"cannot use store\.url") as caught:
        SqlFlagStore(url)
    assert "hunter22" not in f"{caught.value} {caught.value!r}"
    assert caught.value.__cause__ is None


def test_neither_errors_nor_reprs_show_a_password(tmp_path: Path) -> None:
    url = f"sqlite:///file:{tmp_path / 'absent' / 'flags.sqlite'}?uri=true&password=hunter22"
    store = SqlFlagStore(url, TIMEOUT_S)
    with pytest.raises(StoreUnavailable) as caught:
        store.gates(FLAG)
    assert "hunter22" not in f"{store!r} {store} {caught.value} {caught.value!r}"
    store.close()


def test_creating_an_existing_flag_leaves_it_as_it_is(store: SqlFlagStore) -> None:
    store.set(FLAG, True)
    item = store.create(FLAG)
    assert item.is_enabled()
    assert store.gates(FLAG) == ENABLED


def test_deleting_takes_the_gates_along_and_an_absent_flag_is_no_error(
    store: SqlFlagStore, tmp_path: Path
) -> None:
    store.set(FLAG, True)
    store.delete(FLAG)
    store.delete(FLAG)
    assert rows(tmp_path, "flipper_features") == rows(tmp_path, "flipper_gates") == []


def test_flags_are_listed_by_name_in_pages(store: SqlFlagStore) -> None:
    for name in ("zebra", "apple"):
        store.create(name, is_enabled=name == "apple")
    names = [item.feature_name for item in store.list()]
    assert names == ["apple", FLAG, "zebra"]
    assert [item.feature_name for item in store.list(limit=1, offset=1)] == [FLAG]
    assert [item.is_enabled() for item in store.list(limit=2)] == [True, False]


def test_what_rubys_tables_cannot_hold_is_refused_and_not_lost_silently(
    store: SqlFlagStore,
) -> None:
    with pytest.raises(FlagError, match="metadata"):
        store.set_meta(FLAG, FeatureFlagStoreMeta(created_date=0))
    with pytest.raises(FlagError, match="client data"):
        store.create("another", client_data={"team": "search"})
    assert store.get("another") is None


def test_flipper_clients_own_client_works_over_the_store(store: SqlFlagStore) -> None:
    client = FeatureFlagClient(store)
    flag = client.get(FLAG)
    assert not flag.is_enabled()
    flag.enable()
    assert client.is_enabled(FLAG)
    assert store.gates(FLAG) == ENABLED
    client.disable(FLAG)
    assert not flag.is_enabled()
    assert client.exists(FLAG)
    assert not client.exists("nobody")
    assert client.is_enabled("nobody", default=True)
    assert [each.name for each in client.list()] == [FLAG]
    with pytest.raises(FlagDoesNotExistError):
        client.disable("nobody")
    client.create("another", is_enabled=True)
    client.destroy("another")
    assert not client.exists("another")


def test_a_flag_that_somebody_may_meet_counts_as_enabled(store: SqlFlagStore) -> None:
    store.replace_gates(FLAG, Gates.of(("actors", "User;1")))
    assert FeatureFlagClient(store).is_enabled(FLAG)
