"""The calls that turn gates into others: the fewest that expose nobody on the way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flags.model import (
    Gates,
)
from flags.stores.base import DISABLED
from flags.stores.flipper_api import plan

GATES = st.lists(
    st.one_of(
        st.just(("boolean", "true")),
        st.tuples(st.just("actors"), st.sampled_from(["a", "b", "c"])),
        st.tuples(st.just("groups"), st.sampled_from(["g", "h"])),
    ),
    unique=True,
).flatmap(
    lambda rows: st.fixed_dictionaries(
        {},
        optional={
            "percentage_of_actors": st.sampled_from(["0", "25", "50"]),
            "percentage_of_time": st.sampled_from(["0", "10"]),
            "expression": st.sampled_from(['{"a":1}', '{"b":2}']),
        },
    ).map(lambda single: Gates.of(*rows, *single.items()))
)


@given(GATES, GATES)
def test_a_plan_ends_at_the_wanted_gates_whatever_was_there(found: Gates, wanted: Gates) -> None:
    rows = set(found.rows)
    for step in plan(found, wanted):
        if step.gate == "boolean":  # as Ruby does: wipes, on or off
            rows = {("boolean", "true")} if step.method == "POST" else set()
        elif step.method == "DELETE":
            assert not step.gate.startswith("percentage"), "it would leave a 0"
            rows.discard((step.gate, step.value))
        else:
            if step.gate not in ("actors", "groups"):
                rows = {row for row in rows if row[0] != step.gate}
            rows.add((step.gate, step.value))
        assert Gates.of(*rows) == step.after
    assert Gates.of(*rows) == wanted


def test_a_plan_exposes_nobody_on_its_way_to_fewer_people() -> None:
    found = Gates.of(("boolean", "true"), ("percentage_of_actors", "50"))
    wanted = Gates.of(("percentage_of_actors", "10"), ("actors", "User;1"))
    assert [(step.method, step.gate) for step in plan(found, wanted)] == [
        ("DELETE", "boolean"),
        ("POST", "actors"),
        ("POST", "percentage_of_actors"),
    ]
    assert [step.method for step in plan(found, DISABLED)] == ["DELETE"]


def test_a_gate_of_a_later_flipper_stays_where_it_is_and_goes_with_a_kill() -> None:
    found = Gates.of(("blocked_actors", "User;1"), ("actors", "User;2"))
    kept = Gates.of(("blocked_actors", "User;1"), ("actors", "User;3"))
    assert [step.gate for step in plan(found, kept)] == ["actors", "actors"]
    assert [(step.method, step.gate) for step in plan(found, DISABLED)] == [("DELETE", "boolean")]
    assert plan(found, Gates.of(("actors", "User;2")))[0].gate == "boolean", "only a wipe takes it"
