"""flipper-client's own stores under our contract, on real servers, read by the library itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flipper import FeatureFlagClient
from flipper.bucketing import ConsistentHashPercentageBucketer
from flipper.contrib.storage import FeatureFlagStoreMeta

from flags import items
from flags.gates import META
from flags.model import FlagChanged, FlagError, FlagState, Gates, UnknownFlag
from flags.switch import Switch
from tests.flags.client.worlds import (
    FLAG,
    World,
    stored,
)


def test_what_we_write_the_library_reads_and_the_other_way_round(world: World) -> None:
    library = FeatureFlagClient(world.plain)
    world.ours.set(FLAG, False)
    assert not library.is_enabled(FLAG, admin=True)
    assert not items.is_on(world.other.gates(FLAG))
    world.ours.set(FLAG, True)
    assert library.is_enabled(FLAG, admin=True)
    library.disable(FLAG)
    assert not items.is_on(world.ours.gates(FLAG))
    assert world.ours.flags()[0].state is FlagState.OFF


def test_a_restored_snapshot_is_the_very_same_item(world: World) -> None:
    before, switch = stored(world), Switch(world.ours)
    snapshot = switch.snapshot(FLAG, datetime.now(UTC))
    off = switch.write(FLAG, False)
    assert off.state is FlagState.OFF
    assert stored(world) != before
    assert switch.restore(snapshot).gates == snapshot.gates
    assert stored(world) == before


def test_a_disable_keeps_meta_and_writing_it_again_is_no_error(world: World) -> None:
    meta = world.ours.gates(FLAG).values(META)
    for _ in range(2):
        world.ours.set(FLAG, False)
        assert world.ours.gates(FLAG) == Gates.of((META, meta[0]))


def test_a_replacement_returns_what_was_there(world: World) -> None:
    before = world.ours.gates(FLAG)
    assert world.ours.replace_gates(FLAG, world.ours.disabled(before)) == before


def test_no_method_creates_an_unknown_flag_or_lets_the_librarys_errors_out(world: World) -> None:
    unknown, meta = "no_such_flag", FeatureFlagStoreMeta(0)
    for write in (
        lambda: world.ours.set(unknown, False),
        lambda: world.ours.set_meta(unknown, meta),
        lambda: world.ours.replace_gates(unknown, Gates()),
        lambda: world.ours.gates(unknown),
    ):
        with pytest.raises(UnknownFlag, match=unknown):
            write()
    assert world.ours.get(unknown) is None
    assert [flag.name for flag in world.ours.flags()] == [FLAG]


def test_someone_who_was_first_is_not_overwritten(world: World) -> None:
    seen = world.ours.gates(FLAG)
    FeatureFlagClient(world.plain).set_bucketer(FLAG, ConsistentHashPercentageBucketer())
    there = world.raw(FLAG)
    with pytest.raises(FlagChanged, match=FLAG):
        world.ours.replace_gates(FLAG, world.ours.disabled(seen), expected=seen)
    assert world.raw(FLAG) == there


def test_anothers_client_data_is_no_decision_and_survives_ours(world: World) -> None:
    seen = world.ours.gates(FLAG)
    FeatureFlagClient(world.plain).set_client_data(FLAG, {"seen": 1})
    world.ours.replace_gates(FLAG, world.ours.disabled(seen), expected=seen)
    found = world.ours.gates(FLAG)
    assert not items.is_on(found)
    assert items.meta_of(found)["client_data"] == {"owner": "claims", "seen": 1}


def test_meta_is_written_whole_and_never_the_boolean(world: World) -> None:
    world.ours.set(FLAG, False)
    world.ours.set_meta(FLAG, FeatureFlagStoreMeta(7, {"new": True}))
    found = world.ours.gates(FLAG)
    assert not items.is_on(found)
    assert items.meta_of(found)["client_data"] == {"new": True}
    assert items.meta_of(found)["conditions"] == []


def test_the_librarys_client_works_on_our_store(world: World) -> None:
    client = FeatureFlagClient(world.ours)
    assert client.is_enabled(FLAG, admin=True)
    assert not client.is_enabled(FLAG, admin=False)
    client.set_client_data(FLAG, {"more": 1})
    client.disable(FLAG)
    assert client.get_client_data(FLAG) == {"owner": "claims", "more": 1}
    assert not client.is_enabled(FLAG, admin=True)
    assert [flag.name for flag in client.list()] == [FLAG]


def test_creating_refuses_what_exists_and_creates_what_does_not(world: World) -> None:
    before = world.raw(FLAG)
    with pytest.raises(FlagError, match="exists already"):
        world.ours.create(FLAG)
    assert world.raw(FLAG) == before
    world.ours.create("new_flag", True, {"a": 1})
    assert world.plain.get("new_flag").is_enabled()
    assert [item.feature_name for item in world.ours.list(limit=1, offset=1)] == ["new_flag"]
