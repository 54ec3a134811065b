"""Our disable against an application's blind read-modify-write of metadata, many times over."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import pytest
from flipper import FeatureFlagClient

from flags import items
from flags.model import Gates, ReadBackDiffers
from flags.switch import Switch
from tests.flags.client.worlds import FLAG, World, memory_world, postgres_world, redis_world

WAIT_S = 30


#: Races; writers of metadata in each, and writes of each writer: in memory one takes so little time
#: that it is met only where several stand in the middle of theirs.
RACES = {"redis": (1000, 1, 1), "postgres": (300, 1, 1), "memory": (1000, 6, 8)}


@pytest.fixture(params=RACES)
def world_and_races(request: pytest.FixtureRequest) -> Iterator[tuple[World, int]]:
    match request.param:
        case "redis":
            world = redis_world(request.getfixturevalue("redis_url"))
        case "postgres":
            world = postgres_world(request.getfixturevalue("postgres_url"))
        case _:
            world = memory_world()
    yield world, RACES[world.kind][0]
    world.ours.close()
    world.other.close()


def race(world: World, races: int, disable: Callable[[], Gates]) -> Iterator[tuple[Gates, Gates]]:
    """Yield what was written and what is there once both sides are done, race by race."""
    application = FeatureFlagClient(world.plain)
    application.create(FLAG, True)
    _, writers, writes = RACES[world.kind]
    dice, gate = random.Random(3), Barrier(writers + 1, timeout=WAIT_S)  # noqa: S311
    began = time.perf_counter()
    application.set_client_data(FLAG, {"n": 0})
    span_s = (time.perf_counter() - began) * writes * writers

    def write_data(number: int) -> None:
        gate.wait()
        for part in range(writes):
            application.set_client_data(FLAG, {"n": number + part / writes})

    with ThreadPoolExecutor(writers) as pool, switching_often():
        for number in range(1, races + 1):
            world.plain.set(FLAG, True)
            theirs = [pool.submit(write_data, number) for _ in range(writers)]
            gate.wait()
            # Anywhere in their read-modify-write.
            until = time.perf_counter() + dice.uniform(0, span_s)
            while time.perf_counter() < until:
                pass
            written = disable()
            for each in theirs:
                each.result(WAIT_S)
            found = world.ours.gates(FLAG)
            assert items.meta_of(found)["client_data"].keys() == {"n"}
            yield written, found


@contextmanager
def switching_often() -> Iterator[None]:
    """Let threads meet in the middle of what is a few microseconds in memory."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def test_the_librarys_own_disable_is_lost_to_another_write_of_metadata(
    world_and_races: tuple[World, int],
) -> None:
    world, races = world_and_races

    def disable() -> Gates:
        FeatureFlagClient(world.plain).disable(FLAG)
        return Gates()

    # As many as it takes: a lost one in memory is rare, and one is enough.
    met = (items.is_on(found) for _, found in race(world, 20 * races, disable))
    assert any(met)


@pytest.mark.timeout(300)
def test_our_disable_is_never_lost_to_another_write_of_metadata(
    world_and_races: tuple[World, int],
) -> None:
    world, races = world_and_races
    switch, again = Switch(world.ours), {"read back": 0, "poll": 0}

    def disable() -> Gates:
        while True:
            try:
                return switch.write(FLAG, False).gates
            except ReadBackDiffers:
                again["read back"] += 1

    edits: list[str] = []
    edit = world.ours._edit

    def counted(name: str, change: Callable[[bytes], bytes]) -> None:
        edits.append(name)
        edit(name, change)

    world.ours._edit = counted  # type: ignore[method-assign]
    off = 0
    for written, found in race(world, races, disable):
        now = found
        while repeat := switch.undone(written, now):
            again["poll"] += 1
            now = switch.put(FLAG, repeat).gates
        off += not items.is_on(world.other.gates(FLAG))
    again["watch"] = len(edits) - races - sum(again.values())
    print(f"{world.kind}: {off} of {races} off; written again: {again}")  # noqa: T201
    assert off == races
    # Else no race was met, and nothing was shown; on a busy machine that is so in memory, where
    # test_lost_updates has the late write at a fixed place.
    assert sum(again.values()) > 0 or world.kind == "memory"
