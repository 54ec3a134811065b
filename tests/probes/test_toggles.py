"""The full-list toggle answer: read, and rewritten under both names of a flag."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.toggles import MAX_BYTES, camel, force_toggles, parse_toggles

NAMES = st.from_regex(r"[a-z]{1,6}(_[a-z0-9]{1,5}){0,3}", fullmatch=True)
FLAGS = st.dictionaries(NAMES, st.booleans(), max_size=6)


def full_list(flags: dict[str, bool]) -> bytes:
    features = [
        {"name": name, "value": value}
        for flag, value in flags.items()
        for name in (camel(flag), flag)
    ]
    return json.dumps({"data": {"type": "feature_toggles", "features": features}}).encode()


@given(FLAGS, FLAGS)
def test_forcing_changes_what_is_forced_under_both_names_and_nothing_else(
    flags: dict[str, bool], forced: dict[str, bool]
) -> None:
    after = parse_toggles(force_toggles(full_list(flags), forced))

    expected = parse_toggles(full_list({**flags, **forced}))
    assert after == expected


def test_forcing_keeps_the_rest_of_the_answer_as_it_was() -> None:
    body = b'{"meta": 1, "data": {"type": "t", "features": [{"name": "a", "value": true, "x": 1}]}}'

    answer = json.loads(force_toggles(body, {"b_c": False}))

    assert answer["meta"] == 1
    assert answer["data"]["type"] == "t"
    assert answer["data"]["features"] == [
        {"name": "a", "value": True, "x": 1},
        {"name": "b_c", "value": False},
        {"name": "bC", "value": False},
    ]


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused_as_unreadable(body: bytes) -> None:
    for read in (parse_toggles, lambda each: force_toggles(each, {"a": True})):
        with pytest.raises(ValueError, match=r".+"):
            read(body)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<!doctype html>", "not JSON"),
        (b"\xff\xfe\xfd", "not"),
        (b"[]", "another shape"),
        (b'{"data": null}', "another shape"),
        (b'{"data": {"features": 5}}', "another shape"),
        (b'{"data": {"features": {"a": 1}}}', "another shape"),
        (b'{"data": {"features": ["a"]}}', "another shape"),
        (b'{"data": {"features": [{"name": "a"}]}}', "another shape"),
        (b'{"data": {"features": [{"name": [], "value": true}]}}', "another shape"),
        (b"[" * 100_000, "too deep"),
        (b" " * (MAX_BYTES + 1), "too many"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said(body: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_toggles(body)
    with pytest.raises(ValueError, match=says):
        force_toggles(body, {"a": True})


@pytest.mark.parametrize("value", ['"true"', "1", "null", "[]"])
def test_only_true_is_true(value: str) -> None:
    body = f'{{"data": {{"features": [{{"name": "a", "value": {value}}}]}}}}'.encode()

    assert parse_toggles(body) == {"a": False}
