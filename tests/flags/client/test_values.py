"""Stored values that the library writes, or that nobody should have written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flipper import FeatureFlagClient
from flipper.contrib.storage import FeatureFlagStoreMeta
from structlog.testing import capture_logs

from flags import items
from flags.gates import ACTORS
from flags.items import BrokenItem
from flags.model import FlagError, FlagState, Gates
from flags.switch import Switch
from tests.flags.client.worlds import (
    FLAG,
    HALF,
    World,
)


@pytest.mark.parametrize("value", [0, None])
def test_a_false_value_that_is_no_bool_turns_the_flag_off(world: World, value: object) -> None:
    world.ours.set(FLAG, value)  # type: ignore[arg-type]
    assert not FeatureFlagClient(world.plain).is_enabled(FLAG, admin=True)
    with pytest.raises(FlagError, match="bool"):
        world.ours.set(FLAG, "false")  # type: ignore[arg-type]
    assert not items.is_on(world.ours.gates(FLAG))


@pytest.mark.parametrize("value", ["0", "null", '"false"', "1"])
def test_a_stored_value_that_is_no_bool_counts_as_the_library_counts_it(
    world: World, value: str
) -> None:
    raw = world.raw(FLAG).replace(b'"is_enabled": true', f'"is_enabled": {value}'.encode())
    world.put(FLAG, raw)
    assert FeatureFlagClient(world.plain).is_enabled(FLAG, admin=True)
    assert items.is_on(world.ours.gates(FLAG))
    world.ours.set(FLAG, True)
    assert b'"is_enabled": true' in world.raw(FLAG)


def test_a_percentage_is_the_librarys_stable_hash_and_actors_are_refused(world: World) -> None:
    world.ours.set_meta(FLAG, FeatureFlagStoreMeta(7, bucketer=HALF))
    switch = Switch(world.ours)
    seen = world.ours.gates(FLAG)
    found = switch.put(FLAG, switch.with_percentage(seen, 10), seen)
    assert found.state is FlagState.CONDITIONAL
    client = FeatureFlagClient(world.plain)
    opened = sum(
        client.get_meta(FLAG) and world.plain.get(FLAG).is_enabled(user=n) for n in range(60)
    )
    assert 0 < opened < 20
    with pytest.raises(FlagError, match="Condition"):
        switch.with_actor(seen, "User;1", present=True)
    with pytest.raises(FlagError, match="actors"):
        switch.put(FLAG, Gates.of((ACTORS, "User;1")))


@pytest.mark.parametrize("raw", [b"not json", b'{"a": 1}', b"[]"])
def test_what_is_no_item_is_skipped_with_a_warning_and_named_when_asked_for(
    world: World, raw: bytes
) -> None:
    if world.kind == "memory":
        item = world.plain.create("broken")
        item._meta.client_data = {"at": datetime.now(UTC)}
    else:
        world.put("broken", raw)
    with capture_logs() as logs:
        for _ in range(2):
            assert [flag.name for flag in world.ours.flags()] == [FLAG]
    assert [(line["log_level"], line["flag"]) for line in logs] == [("warning", "broken")]
    for use in (world.ours.gates, lambda name: world.ours.set(name, False)):
        with pytest.raises(BrokenItem, match="broken"):
            use("broken")
