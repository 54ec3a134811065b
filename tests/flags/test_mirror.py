"""What applications are served, while polls, our own writes and outages cross one another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags.gates import flag_of
from flags.mirror import Mirror
from flags.model import Flag, FlagState, Gates
from flags.stores.base import DISABLED, ENABLED

T0 = datetime(2026, 1, 5, 12, tzinfo=UTC)
DEADLINE_S = 10
ON, OFF = flag_of("a", ENABLED), flag_of("a", DISABLED)
OTHER = flag_of("b", Gates.of(("percentage_of_actors", "25")))
OTHERS_TWIN, OFF_B = flag_of("c", OTHER.gates), flag_of("b", DISABLED)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """One whole read, of two flags that are on."""
    made = Mirror()
    made.take((OTHER, ON), at(0))
    yield made
    made.close()


def test_a_new_mirror_says_that_nothing_was_read() -> None:
    reading = Mirror().reading
    assert (reading.read_at, dict(reading.flags), reading.version) == (None, {}, 0)


def test_a_whole_read_replaces_all_that_was_there(mirror: Mirror) -> None:
    assert list(mirror.reading.flags) == ["a", "b"]
    mirror.take((OTHER,), at(1))
    assert (dict(mirror.reading.flags), mirror.reading.read_at) == ({"b": OTHER}, at(1))


def test_our_own_write_is_served_at_once_and_leaves_the_other_flags(mirror: Mirror) -> None:
    mirror.take_one(OFF, at(1))
    assert dict(mirror.reading.flags) == {"a": OFF, "b": OTHER}
    assert mirror.reading.read_at == at(0)


def test_what_evaluates_a_flag_is_of_the_same_reading_as_the_flag(mirror: Mirror) -> None:
    kept = mirror.reading.evaluators["b"]
    mirror.take_one(OFF, at(1))
    mirror.take((OFF, OTHER, OTHERS_TWIN), at(2))
    reading = mirror.reading
    assert list(reading.evaluators) == list(reading.flags) == ["a", "b", "c"]
    assert reading.evaluators["b"] is kept, "read once for many polls"
    mirror.take((ON, OFF_B), at(3))
    found = mirror.reading.evaluators
    assert {name: each.evaluate("x", {}).value for name, each in found.items()} == {
        "a": True,
        "b": False,
    }


def test_a_name_that_is_no_text_does_not_keep_the_others_from_being_read(mirror: Mirror) -> None:
    mirror.take((flag_of("\ud800", OTHER.gates), ON), at(1))
    assert mirror.reading.evaluators["a"].evaluate(None, {}).value
    assert not mirror.reading.evaluators["\ud800"].evaluate(None, {}).value


def test_a_poll_that_began_before_our_write_does_not_bring_the_old_value_back(
    mirror: Mirror,
) -> None:
    mirror.take_one(OFF, at(1.5))
    mirror.take((ON, OTHER), at(1))
    assert mirror.reading.flags["a"] is OFF
    mirror.take((ON, OTHER), at(2))  # somebody turned it on again after us
    assert mirror.reading.flags["a"] is ON


def test_a_clock_that_was_set_back_hides_others_writes_for_one_poll_at_most(mirror: Mirror) -> None:
    mirror.take_one(ON, at(3600))
    mirror.take((OFF, OTHER), at(1))
    mirror.take((OFF, OTHER), at(2))
    assert mirror.reading.flags["a"] is OFF


def test_a_lost_store_keeps_answering_and_says_so_until_the_next_read(mirror: Mirror) -> None:
    before = mirror.reading
    mirror.lost("refused", at(5))
    after = mirror.reading
    assert (after.problem, after.stale, after.read_at) == ("refused", True, at(0))
    assert (after.flags, after.version) == (before.flags, before.version)
    mirror.take((ON, OTHER), at(6))
    assert (mirror.reading.stale, mirror.reading.version) == (False, before.version)


def test_our_own_write_while_the_store_is_lost_is_served_but_does_not_make_the_rest_fresh(
    mirror: Mirror,
) -> None:
    mirror.lost("refused", at(5))
    mirror.take_one(OFF, at(6))
    assert mirror.reading.flags["a"] is OFF
    assert mirror.reading.stale


def test_an_outage_is_dated_by_its_first_failure(mirror: Mirror) -> None:
    mirror.lost("refused", at(5))
    mirror.lost("timed out", at(9))
    assert (mirror.reading.problem, mirror.reading.lost_at) == ("timed out", at(5))
    mirror.take((ON,), at(10))
    assert (mirror.reading.problem, mirror.reading.lost_at) == (None, None)


def test_a_reading_in_somebodys_hands_never_changes(mirror: Mirror) -> None:
    held = mirror.reading
    mirror.take_one(OFF, at(1))
    assert held.flags["a"] is ON
    with pytest.raises(TypeError):
        held.flags["a"] = OFF  # type: ignore[index]


ROWS = st.tuples(st.sampled_from(["boolean", "actors", "groups"]), st.text(max_size=3))
FLAGS = st.dictionaries(st.text(max_size=3), st.lists(ROWS, max_size=3, unique=True), max_size=4)


@given(FLAGS, FLAGS)
def test_etag_and_version_change_exactly_when_names_or_gates_do(
    one: dict[str, list[tuple[str, str]]], two: dict[str, list[tuple[str, str]]]
) -> None:
    def of(rows: dict[str, list[tuple[str, str]]]) -> tuple[Flag, ...]:
        return tuple(Flag(name, FlagState.ON, Gates.of(*gates)) for name, gates in rows.items())

    mirror = Mirror()
    mirror.take(of(one), at(0))
    first = mirror.reading
    mirror.take(of(two), at(1))
    second = mirror.reading
    same = set(of(one)) == set(of(two))
    assert (first.etag == second.etag) is same
    assert second.version - first.version == (0 if same else 1)


def test_the_first_read_of_an_empty_store_is_a_change() -> None:
    mirror = Mirror()
    mirror.take((), at(0))
    assert mirror.reading.version == 1


def test_a_waiter_wakes_at_a_change_and_not_at_a_read_that_changes_nothing(mirror: Mirror) -> None:
    woke: list[int] = []
    waiter = threading.Thread(target=lambda: woke.append(mirror.wait(1, DEADLINE_S)))
    waiter.start()
    mirror.take((ON, OTHER), at(1))
    mirror.lost("away", at(2))
    assert mirror.wait(1, 0.05) == 1
    assert waiter.is_alive()
    mirror.take_one(OFF, at(3))
    waiter.join(DEADLINE_S / 2)
    assert woke == [2]


def test_a_change_that_came_before_the_wait_is_not_missed(mirror: Mirror) -> None:
    version = mirror.reading.version
    mirror.take_one(OFF, at(1))
    assert mirror.wait(version, DEADLINE_S) == version + 1


def test_closing_wakes_every_waiter_and_the_last_reading_stays(mirror: Mirror) -> None:
    waiters = [threading.Thread(target=mirror.wait, args=(1, DEADLINE_S)) for _ in range(3)]
    for waiter in waiters:
        waiter.start()
    mirror.close()
    for waiter in waiters:
        waiter.join(DEADLINE_S / 2)
    assert not any(waiter.is_alive() for waiter in waiters)
    assert mirror.closed
    assert mirror.reading.flags["a"] is ON


def test_readers_never_see_half_of_a_swap() -> None:
    """Two flags are written together, always in the same state; no reader may see them apart."""
    mirror = Mirror()
    pairs = [tuple(flag_of(name, gates) for name in "ab") for gates in (ENABLED, DISABLED)]
    mirror.take(pairs[0], at(0))
    done = threading.Event()
    seen: list[tuple[bool, int]] = []

    def read() -> None:
        while not done.is_set():
            reading = mirror.reading
            seen.append((len({f.state for f in reading.flags.values()}) == 1, reading.version))

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(2000):
        mirror.take(pairs[turn % 2], at(turn + 1))
    done.set()
    reader.join(DEADLINE_S)
    assert all(whole for whole, _ in seen)
    assert all(before <= after for (_, before), (_, after) in pairwise(seen))
