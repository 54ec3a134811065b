"""flipper-client's items as gates, and what the library would answer for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flipper import Condition
from flipper.bucketing import (
    ConsistentHashPercentageBucketer,
    LinearRampPercentage,
    Percentage,
    PercentageBucketer,
)
from flipper.contrib.storage import FeatureFlagStoreItem, FeatureFlagStoreMeta
from hypothesis import given
from hypothesis import strategies as st

from flags import items
from flags.evaluation import Evaluation, Evaluator, Reason
from flags.gates import ACTORS, BOOLEAN, PERCENTAGE_OF_ACTORS, PERCENTAGE_OF_TIME, flag_of
from flags.model import FlagError, FlagState, Gates

FLAG = "assessment_fallback"
CONDITION = Condition(age__gte=18, admin=True)
HALF = ConsistentHashPercentageBucketer(key_whitelist=["b", "a"], percentage=Percentage(0.5))


def stored(on: Any = True, **meta: Any) -> bytes:
    """An item as the library itself writes it."""
    item = FeatureFlagStoreItem(FLAG, on, FeatureFlagStoreMeta(1_700_000_000, **meta))
    raw: bytes = item.serialize()
    return raw


def read(on: Any = True, **meta: Any) -> Gates:
    return items.gates_of(FLAG, stored(on, **meta))


@pytest.mark.parametrize("value", [True, 0, 1, None, "false", "", []])
def test_what_the_library_counts_as_enabled_is_read_so_and_written_as_a_real_bool(
    value: Any,
) -> None:
    raw = stored(value)
    assert FeatureFlagStoreItem.deserialize(raw).is_enabled()
    assert items.is_on(items.gates_of(FLAG, raw))
    assert json.loads(items.raw_of(FLAG, items.gates_of(FLAG, raw)))["is_enabled"] is True


def test_only_false_itself_is_off() -> None:
    found = read(False)
    assert not items.is_on(found)
    assert json.loads(items.raw_of(FLAG, found))["is_enabled"] is False
    assert flag_of(FLAG, found).state is FlagState.OFF


@pytest.mark.parametrize("on", [True, False])
def test_an_item_comes_back_as_it_was(on: bool) -> None:
    raw = json.loads(stored(on, client_data={"é": [1, None]}, conditions=[CONDITION]))
    raw["meta"]["later"] = "a key that this release does not know"
    again = items.raw_of(FLAG, items.gates_of(FLAG, json.dumps(raw).encode()))
    assert json.loads(again) == raw


@given(
    on=st.booleans(),
    data=st.dictionaries(st.text(), st.one_of(st.none(), st.integers(), st.text(), st.booleans())),
    ages=st.lists(st.integers(), max_size=3),
    share=st.one_of(st.none(), st.floats(0, 1)),
)
def test_any_item_of_the_library_comes_back_as_it_was(
    on: bool, data: dict[str, Any], ages: list[int], share: float | None
) -> None:
    bucketer = None if share is None else PercentageBucketer(percentage=Percentage(share))
    raw = stored(
        on,
        client_data=data,
        conditions=[Condition(age__gt=age) for age in ages],
        bucketer=bucketer,
    )
    found = items.gates_of(FLAG, raw)
    assert json.loads(items.raw_of(FLAG, found)) == json.loads(raw)
    assert items.merged(found, found) == found


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'{"feature_name": "x", "is_enabled": true}',
        b'{"feature_name": "x", "is_enabled": true, "meta": []}',
        b'{"feature_name": "x", "is_enabled": true, "meta": {}}',
        b'{"feature_name": "x", "is_enabled": true, "meta": {"created_date": 1, "bucketer": "x"}}',
        b'{"feature_name": "x", "is_enabled": true, "meta": {"created_date": 1, "conditions": 5}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_item_is_named_without_its_content(raw: bytes) -> None:
    with pytest.raises(items.BrokenItem, match=FLAG) as caught:
        items.gates_of(FLAG, raw)
    assert "\\xff" not in str(caught.value)
    assert "not json" not in str(caught.value)


def test_a_whitelist_in_another_order_is_the_same_gates() -> None:
    raw = json.loads(stored(bucketer=HALF))
    turned = json.loads(stored(bucketer=HALF))
    turned["meta"]["bucketer"]["key_whitelist"].reverse()
    assert items.gates_of(FLAG, json.dumps(raw).encode()) == items.gates_of(
        FLAG, json.dumps(turned).encode()
    )


def test_a_rewrite_by_the_library_that_changes_nothing_compares_equal() -> None:
    raw = {"feature_name": FLAG, "is_enabled": True, "meta": {"created_date": 1}}
    sparse = items.gates_of(FLAG, json.dumps(raw).encode())
    item = FeatureFlagStoreItem.deserialize(json.dumps(raw).encode())
    item.is_enabled(unchecked=1)
    rewritten = items.gates_of(FLAG, item.serialize())
    assert rewritten != sparse
    assert items.comparable(rewritten) == items.comparable(sparse)


def test_evaluating_a_condition_is_no_change_of_rollout() -> None:
    item = FeatureFlagStoreItem.deserialize(stored(conditions=[CONDITION]))
    item.is_enabled(unchecked=1)
    assert items.rollout(items.gates_of(FLAG, item.serialize())) == items.rollout(
        read(conditions=[CONDITION])
    )


def test_a_wanted_boolean_and_rollout_never_take_client_data_along() -> None:
    wanted = read(False, client_data={"old": 1}, bucketer=HALF)
    there = read(True, client_data={"new": 2})
    after = items.merged(wanted, there)
    assert not items.is_on(after)
    assert items.meta_of(after)["client_data"] == {"new": 2}
    assert items.rollout(after) == items.rollout(wanted)


def test_rubys_gates_find_no_place_in_an_item() -> None:
    with pytest.raises(FlagError, match="actors"):
        items.merged(Gates.of((ACTORS, "User;1")), read())


@pytest.mark.parametrize(("percent", "buckets"), [(0, 0), (1, 2), (25, 26), (50, 51), (99, 100)])
def test_a_percentage_opens_one_bucket_in_a_hundred_more_than_it_says(
    percent: float, buckets: int
) -> None:
    shared = items.with_share(read(False), percent)
    assert items.meta_of(shared)["bucketer"]["percentage"]["value"] == percent / 100
    item = FeatureFlagStoreItem.deserialize(items.raw_of(FLAG, shared))
    opened = sum(item.is_enabled(user=user) for user in range(10_000))
    assert opened == pytest.approx(buckets * 100, abs=150)


def test_a_percentage_keeps_an_existing_whitelist_and_client_data() -> None:
    shared = items.with_share(read(client_data={"owner": "us"}, bucketer=HALF), 12.5)
    meta = items.meta_of(shared)
    assert meta["bucketer"]["key_whitelist"] == ["a", "b"]
    assert meta["bucketer"]["percentage"]["value"] == 0.125
    assert meta["client_data"] == {"owner": "us"}


@pytest.mark.parametrize("percent", [-0.1, 100.1, float("nan")])
def test_no_percentage_outside_0_to_100(percent: float) -> None:
    with pytest.raises(ValueError, match="0 to 100"):
        items.with_share(read(), percent)


def test_a_percentage_that_conditions_would_bypass_is_refused() -> None:
    with pytest.raises(FlagError, match="conditions"):
        items.with_share(read(conditions=[CONDITION]), 10)


# --- evaluation -----------------------------------------------------------------------------


def client(raw: bytes, **context: object) -> Evaluation:
    return Evaluator.of(flag_of(FLAG, items.gates_of(FLAG, raw))).evaluate("User;1", context)


@pytest.mark.parametrize(
    ("raw", "context", "reason"),
    [
        (stored(False, conditions=[CONDITION]), {"admin": True}, Reason.DISABLED),
        (stored(True), {}, Reason.STATIC),
        (stored(True), {"admin": False}, Reason.STATIC),
        (stored(True, conditions=[CONDITION]), {}, Reason.STATIC),
        (stored(True, conditions=[CONDITION]), {"admin": True, "age": 18}, Reason.TARGETING_MATCH),
        (stored(True, conditions=[CONDITION]), {"admin": True, "age": 17}, Reason.TARGETING_MATCH),
        (stored(True, conditions=[CONDITION], bucketer=HALF), {"other": 1}, Reason.TARGETING_MATCH),
        (stored(True, bucketer=HALF), {}, Reason.SPLIT),
        (stored(True, bucketer=HALF), {"a": "user 1"}, Reason.SPLIT),
        (stored(True, bucketer=HALF), {"a": "user 2"}, Reason.SPLIT),
    ],
)
def test_an_item_is_evaluated_as_the_library_does(
    raw: bytes, context: dict[str, object], reason: Reason
) -> None:
    expected = FeatureFlagStoreItem.deserialize(raw).is_enabled(**context)
    assert client(raw, **context) == Evaluation(expected, reason)


def test_half_of_many_contexts_are_open_exactly_where_the_library_opens_them() -> None:
    raw = stored(True, bucketer=HALF)
    item = FeatureFlagStoreItem.deserialize(raw)
    ours = [client(raw, a=user, ignored=user * 2).value for user in range(500)]
    assert ours == [item.is_enabled(a=user, ignored=user * 2) for user in range(500)]
    assert 200 < sum(ours) < 310


@pytest.mark.parametrize("context", [{"age": None}, {"age": "x"}, {"self": 1}, {"age": [1]}])
def test_what_the_library_raises_at_is_closed(context: dict[str, object]) -> None:
    raw = stored(True, conditions=[CONDITION])
    with pytest.raises(TypeError):
        FeatureFlagStoreItem.deserialize(raw).is_enabled(**context)
    assert client(raw, **context) == Evaluation(value=False, reason=Reason.TARGETING_MATCH)


@pytest.mark.parametrize("context", [{"a": object()}, {"a": {1, 2}}])
def test_a_context_that_cannot_be_hashed_is_closed(context: dict[str, object]) -> None:
    assert client(stored(True, bucketer=HALF), **context) == Evaluation(
        value=False, reason=Reason.SPLIT
    )


@pytest.mark.parametrize(("share", "value"), [(0.0, False), (0.99, False), (1.0, True)])
def test_a_draw_by_lots_is_open_only_at_the_whole(share: float, value: bool) -> None:
    raw = stored(True, bucketer=PercentageBucketer(percentage=Percentage(share)))
    assert client(raw, randomizer="sent by a caller") == Evaluation(value, Reason.SPLIT)


def test_a_finished_ramp_is_open() -> None:
    ramp = LinearRampPercentage(ramp_duration=10, initial_time=1_700_000_000)
    raw = stored(True, bucketer=ConsistentHashPercentageBucketer(percentage=ramp))
    assert client(raw, user=1) == Evaluation(value=True, reason=Reason.SPLIT)


def test_a_bucketer_of_the_applications_own_is_closed() -> None:
    raw = json.loads(stored(True))
    raw["meta"]["bucketer"] = {"type": "ByMoonPhase"}
    assert not client(json.dumps(raw).encode()).value


@pytest.mark.parametrize(
    ("gates", "actor", "value", "reason"),
    [
        (Gates(), "User;1", False, Reason.DISABLED),
        (Gates.of((BOOLEAN, "true")), None, True, Reason.STATIC),
        (Gates.of((PERCENTAGE_OF_TIME, "100")), None, True, Reason.STATIC),
        (Gates.of((ACTORS, "User;1")), "User;1", True, Reason.TARGETING_MATCH),
        (Gates.of((ACTORS, "User;1")), "User;2", False, Reason.TARGETING_MATCH),
        (Gates.of((ACTORS, "User;1")), None, False, Reason.TARGETING_MATCH),
        (Gates.of((PERCENTAGE_OF_ACTORS, "100")), "User;2", True, Reason.SPLIT),
        (Gates.of((PERCENTAGE_OF_ACTORS, "100")), None, False, Reason.SPLIT),
        (
            Gates.of((ACTORS, "User;1"), (PERCENTAGE_OF_ACTORS, "0.001")),
            "User;1",
            True,
            Reason.TARGETING_MATCH,
        ),
        (Gates.of((PERCENTAGE_OF_TIME, "50")), "User;2", False, Reason.SPLIT),
    ],
)
def test_rubys_gates_are_evaluated_with_their_reason(
    gates: Gates, actor: str | None, value: bool, reason: Reason
) -> None:
    assert Evaluator.of(flag_of(FLAG, gates)).evaluate(actor, {"ignored": 1}) == Evaluation(
        value, reason
    )
