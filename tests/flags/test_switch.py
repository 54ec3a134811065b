"""The one way to write a flag: verified, or an error."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags.model import FlagState, Gates, ReadBackDiffers, Snapshot, StoreUnavailable, UnknownFlag
from flags.stores.base import DISABLED, ENABLED
from flags.stores.sql import SqlFlagStore
from flags.switch import Switch
from tests.flags.conftest import FLAG

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
ROLLOUTS = [
    ENABLED,
    DISABLED,
    Gates.of(("percentage_of_actors", "12.5")),
    Gates.of(("percentage_of_actors", "100")),
    Gates.of(("percentage_of_time", "10"), ("groups", "beta"), ("expression", '{"Any":[]}')),
    Gates.of(("actors", "User;1"), ("actors", "User;2"), ("percentage_of_actors", "0")),
    Gates.of(("boolean", "true"), ("actors", "naïve;“1”")),
]


@pytest.mark.parametrize("gates", ROLLOUTS)
def test_a_snapshot_a_disable_and_a_restore_give_back_the_very_same_rows(
    store: SqlFlagStore, gates: Gates
) -> None:
    switch = Switch(store)
    store.replace_gates(FLAG, gates)
    snapshot = Snapshot.from_json(switch.snapshot(FLAG, NOW).to_json())
    off = switch.write(FLAG, False)
    assert (off.state, off.gates, off.exposing) == (FlagState.OFF, DISABLED, False)
    restored = switch.restore(snapshot)
    assert restored.gates == store.gates(FLAG) == gates
    assert Switch.state_of(snapshot) == restored.state


def test_writing_says_what_was_read_back(store: SqlFlagStore) -> None:
    switch = Switch(store)
    for _ in range(2):
        assert switch.write(FLAG, True) == switch.flag(FLAG)
    assert switch.flags() == (switch.flag(FLAG),)
    assert switch.flag(FLAG).state is FlagState.ON


@pytest.mark.parametrize(
    "use",
    [
        lambda switch: switch.flag("nobody"),
        lambda switch: switch.snapshot("nobody", NOW),
        lambda switch: switch.write("nobody", True),
        lambda switch: switch.write("nobody", False),
        lambda switch: switch.restore(Snapshot("nobody", ENABLED, NOW)),
    ],
    ids=["flag", "snapshot", "enable", "disable", "restore"],
)
def test_an_unknown_flag_is_refused_and_not_created(
    store: SqlFlagStore, use: Callable[[Switch], object]
) -> None:
    with pytest.raises(UnknownFlag):
        use(Switch(store))
    assert [flag.name for flag in store.flags()] == [FLAG]


def test_another_writer_in_between_is_found_by_reading_back(
    store: SqlFlagStore, other: SqlFlagStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store.replace_gates

    def replace_and_lose(flag: str, gates: Gates, expected: Gates | None = None) -> Gates:
        before = real(flag, gates, expected)
        other.replace_gates(flag, Gates.of(("actors", "Intruder;1")))
        return before

    monkeypatch.setattr(store, "replace_gates", replace_and_lose)
    switch = Switch(store)
    writes: tuple[Callable[[], object], ...] = (
        lambda: switch.write(FLAG, False),
        lambda: switch.restore(Snapshot(FLAG, ENABLED, NOW)),
    )
    for write in writes:
        with pytest.raises(ReadBackDiffers, match="Intruder;1"):
            write()


def test_a_locked_store_is_an_error_and_nothing_is_written(
    store: SqlFlagStore, locked: Callable[[str], AbstractContextManager[None]]
) -> None:
    store.set(FLAG, True)
    with locked("IMMEDIATE"), pytest.raises(StoreUnavailable, match="cannot write"):
        Switch(store).write(FLAG, False)
    assert store.gates(FLAG) == ENABLED


@pytest.mark.parametrize("writes", [False, True])
def test_an_outage_tells_readers_and_writers_alike_what_becomes_of_a_flip(
    store: SqlFlagStore,
    locked: Callable[[str], AbstractContextManager[None]],
    writes: bool,
) -> None:
    switch = Switch(store)
    with locked("EXCLUSIVE"), pytest.raises(StoreUnavailable) as caught:
        switch.write(FLAG, False) if writes else switch.flag(FLAG)
    said = str(caught.value)
    assert FLAG in said
    assert said.endswith("a flip that was decided is tried until it is written")
    assert "decision" not in said, "a read decides nothing"


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5, unique=True))
def test_snapshots_survive_json(rows: list[tuple[str, str]]) -> None:
    snapshot = Snapshot(FLAG, Gates.of(*rows), NOW)
    assert Snapshot.from_json(snapshot.to_json()) == snapshot
