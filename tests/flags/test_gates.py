"""Ruby Flipper's evaluation, against numbers that Ruby itself gave (facts/flags.md, 2.3)."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags.evaluation import Evaluator
from flags.gates import (
    Share,
    edited_actor,
    edited_percentage,
    flag_of,
    is_open,
    percentage,
    state,
    truthy,
)
from flags.model import FlagState, Gates
from tests.flags.conftest import FLAG

#: Actor, Ruby's CRC32 of flag and actor, and the first whole percentage that opens.
MEASURED = [
    ("User;1", 2721348085, 49),
    ("User;2", 993863759, 64),
    ("User;42", 2866247842, 48),
    ("probe-canary-0", 2046868643, 69),
    ("probe-control-1", 1907236843, 37),
]
FIRST_PERCENT = ["probe-11", "probe-49", "probe-89", "probe-103", "probe-234"]
LAST_PERCENT = ["probe-107", "probe-165", "probe-217", "probe-342", "probe-386"]


@pytest.mark.parametrize(("actor", "crc", "opens_at"), MEASURED)
def test_an_actor_falls_where_ruby_puts_it(actor: str, crc: int, opens_at: int) -> None:
    assert zlib.crc32(f"{FLAG}{actor}".encode()) == crc
    exact = crc % 100_000 / 1000
    assert not Share.of(FLAG, opens_at - 1).has(actor)
    assert Share.of(FLAG, opens_at).has(actor)
    assert not Share.of(FLAG, exact).has(actor), "the boundary itself is closed"
    assert Share.of(FLAG, exact + 0.001).has(actor)


@given(name=st.text(max_size=20), actor=st.text(max_size=20), percent=st.floats(0, 100))
def test_a_name_that_was_hashed_before_gives_what_hashing_both_at_once_gives(
    name: str, actor: str, percent: float
) -> None:
    inside = zlib.crc32(f"{name}{actor}".encode()) % 100_000 < percent * 1000
    assert Share.of(name, percent).has(actor) is inside


@pytest.mark.parametrize("actor", FIRST_PERCENT)
def test_handy_actors_of_the_first_percent_are_in_at_one(actor: str) -> None:
    assert Share.of(FLAG, 1).has(actor)
    assert not Share.of(FLAG, 0).has(actor)


@pytest.mark.parametrize("actor", LAST_PERCENT)
def test_handy_actors_of_the_last_percent_are_out_at_ninety_nine(actor: str) -> None:
    assert not Share.of(FLAG, 99).has(actor)
    assert Share.of(FLAG, 100).has(actor)


@given(actor=st.text(max_size=20), low=st.floats(0, 100), high=st.floats(0, 100))
def test_a_rollout_that_grows_never_puts_anybody_out(actor: str, low: float, high: float) -> None:
    low, high = sorted((low, high))
    assert Share.of(FLAG, low).has(actor) <= Share.of(FLAG, high).has(actor)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], FlagState.OFF),
        ([("boolean", "true")], FlagState.ON),
        ([("boolean", "1")], FlagState.ON),
        ([("boolean", "false")], FlagState.OFF),
        ([("boolean", "t")], FlagState.OFF),
        ([("boolean", "TRUE")], FlagState.OFF),
        ([("actors", "User;1")], FlagState.CONDITIONAL),
        ([("groups", "beta")], FlagState.CONDITIONAL),
        ([("expression", "{}")], FlagState.CONDITIONAL),
        ([("percentage_of_actors", "0")], FlagState.OFF),
        ([("percentage_of_actors", "0.001")], FlagState.CONDITIONAL),
        ([("percentage_of_actors", "100")], FlagState.CONDITIONAL),
        ([("percentage_of_time", "0")], FlagState.OFF),
        ([("percentage_of_time", "99")], FlagState.CONDITIONAL),
        ([("percentage_of_time", "100")], FlagState.ON),
        ([("percentage_of_actors", "many")], FlagState.OFF),
        ([("actors", "User;1"), ("boolean", "true")], FlagState.ON),
    ],
)
def test_gates_add_up_to_what_ruby_calls_their_state(
    rows: list[tuple[str, str]], expected: FlagState
) -> None:
    gates = Gates.of(*rows)
    flag = flag_of(FLAG, gates)
    assert state(gates) is flag.state is expected
    assert flag.exposing is (expected is not FlagState.OFF)


@pytest.mark.parametrize(
    ("rows", "actor", "expected"),
    [
        ([], "User;1", False),
        ([("boolean", "true")], None, True),
        ([("percentage_of_time", "100")], None, True),
        ([("actors", "User;1")], "User;1", True),
        ([("actors", "User;1")], "User;2", False),
        ([("actors", "User;1")], None, False),
        ([("percentage_of_actors", "49")], "User;1", True),
        ([("percentage_of_actors", "48")], "User;1", False),
        ([("percentage_of_actors", "100")], "User;2", True),
        ([("percentage_of_actors", "100")], None, False),
        ([("percentage_of_actors", "48.086")], "User;1", True),
        ([("groups", "beta")], "User;1", False),
        ([("percentage_of_time", "99")], "User;1", False),
    ],
)
def test_a_flag_is_open_for_whom_ruby_opens_it(
    rows: list[tuple[str, str]], actor: str | None, expected: bool
) -> None:
    assert is_open(FLAG, Gates.of(*rows), actor) is expected


GATES = st.lists(
    st.one_of(
        st.tuples(st.just("boolean"), st.sampled_from(["true", "1", "false"])),
        st.tuples(st.just("actors"), st.sampled_from(["User;1", "User;2", "é"])),
        st.tuples(st.just("groups"), st.just("beta")),
        st.tuples(
            st.sampled_from(["percentage_of_actors", "percentage_of_time"]),
            st.sampled_from(["0", "48.086", "49", "64", "100", "-1", "nan", "inf", "many"]),
        ),
    ),
    max_size=4,
).map(lambda rows: Gates.of(*rows))


@given(gates=GATES, actor=st.sampled_from([None, "User;1", "User;2", "User;42", "é", ""]))
def test_gates_that_were_read_once_open_a_flag_for_the_same_actors(
    gates: Gates, actor: str | None
) -> None:
    evaluator = Evaluator.of(flag_of(FLAG, gates))
    assert evaluator.evaluate(actor, {}).value is is_open(FLAG, gates, actor)


def test_only_rubys_own_words_are_true() -> None:
    assert [word for word in ("true", "1", "yes", "True", "on", "0", "") if truthy(word)] == [
        "true",
        "1",
    ]


def test_gates_are_equal_in_any_order_and_give_their_values() -> None:
    one = Gates.of(("actors", "b"), ("actors", "a"), ("boolean", "true"))
    assert one == Gates.of(("boolean", "true"), ("actors", "a"), ("actors", "b"))
    assert one.values("actors") == ("a", "b")
    assert percentage(one, "percentage_of_actors") == 0


@pytest.mark.parametrize(
    ("percent", "row"),
    [(0, "0"), (25, "25"), (12.5, "12.5"), (100, "100"), (1e-5, "0"), (0.125, "0.125")],
)
def test_a_percentage_is_written_as_ruby_reads_it(percent: float, row: str) -> None:
    before = Gates.of(("boolean", "true"), ("actors", "User;1"), ("percentage_of_actors", "3"))
    edited = edited_percentage(before, "percentage_of_actors", percent)
    assert edited == Gates.of(("actors", "User;1"), ("percentage_of_actors", row))


@pytest.mark.parametrize("percent", [-1, 100.1, float("nan"), float("inf")])
def test_what_is_no_percentage_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 100"):
        edited_percentage(Gates(), "percentage_of_actors", percent)


def test_actors_come_and_go_and_twice_is_no_error() -> None:
    one = edited_actor(Gates(), "User;1", present=True)
    assert edited_actor(one, "User;1", present=True) == one == Gates.of(("actors", "User;1"))
    assert edited_actor(one, "User;2", present=False) == one
    assert edited_actor(one, "User;1", present=False) == Gates()
