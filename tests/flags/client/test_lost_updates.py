"""Blind writes of the library that undo ours, told from a person's decision."""

from __future__ import annotations

import json

import pytest
from flipper import FeatureFlagClient
from flipper.contrib.storage import FeatureFlagStoreMeta

from flags import items
from tests.flags.client.worlds import (
    FLAG,
    World,
)


def test_undone_tells_a_blind_write_from_a_persons_decision(world: World) -> None:
    on = world.ours.gates(FLAG)
    off = world.ours.disabled(on)
    assert world.ours.undone(off, on) is None
    assert world.ours.undone(off, off) is None
    client = FeatureFlagClient(world.plain)
    client.set_client_data(FLAG, {"seen": 2})
    found = world.ours.gates(FLAG)
    again = world.ours.undone(off, found)
    assert again == world.ours.disabled(found)
    assert world.ours.undone(found, off) == items.merged(on, off)
    client.set_conditions(FLAG, [])
    assert world.ours.undone(world.ours.gates(FLAG), off) is None


def test_off_is_off_whatever_the_meta_and_on_is_on_for_the_same_users(world: World) -> None:
    on = world.ours.gates(FLAG)
    off = world.ours.disabled(on)
    bare = items.gates(True, {"created_date": 1})
    assert world.ours.same(off, world.ours.disabled(bare))
    assert not world.ours.same(on, bare)
    assert not world.ours.same(on, off)
    assert world.ours.same(on, items.merged(on, bare))


@pytest.mark.parametrize("data", [{"seen": 3}, {"owner": "claims"}])
def test_a_late_blind_write_just_after_our_disable_is_undone_at_once(
    world: World, data: dict[str, object]
) -> None:
    """The library's set_meta between our write and the end of our watch, on an old read."""
    stale = world.plain.get(FLAG)
    meta = FeatureFlagStoreMeta.from_dict(stale.meta)
    meta.update(client_data=data)
    late = json.dumps({**stale.to_dict(), "meta": meta.to_dict()}).encode()
    looks = world.ours._read
    done: list[bool] = []

    def look_after_the_late_write(name: str) -> bytes | None:
        if not done:
            done.append(True)
            world.put(name, late)
        return looks(name)

    before = world.ours.gates(FLAG)
    world.ours._read = look_after_the_late_write  # type: ignore[method-assign]
    world.ours.replace_gates(FLAG, world.ours.disabled(before))
    found = world.other.gates(FLAG)
    assert done
    assert not items.is_on(found)
    assert items.meta_of(found)["client_data"] == {"owner": "claims"} | data
