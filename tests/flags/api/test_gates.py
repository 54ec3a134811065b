"""Gates through Ruby Flipper's HTTP API: what is written and read."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from flags.model import (
    FlagChanged,
    FlagError,
    Gates,
    UnknownFlag,
)
from flags.stores.base import DISABLED, ENABLED
from flags.stores.flipper_api import FlipperApiFlagStore
from flags.switch import Switch
from tests.flags.api import FlipperApi
from tests.flags.api.canned import FLAG, rows

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXPRESSION = '{"Equal":[{"Property":["plan"]},"basic"]}'


def test_a_typo_creates_no_feature_though_the_api_itself_would(
    store: FlipperApiFlagStore, server: FlipperApi
) -> None:
    with pytest.raises(UnknownFlag):
        store.set("typo", False)
    assert [flag.name for flag in store.flags()] == [FLAG]
    server.call("DELETE", "/typo/boolean")
    assert [flag.name for flag in store.flags()] == [FLAG, "typo"], "the API's own way"


def test_every_gate_is_read_as_the_row_that_ruby_wrote(
    store: FlipperApiFlagStore, server: FlipperApi
) -> None:
    server.call("POST", f"/{FLAG}/boolean")
    server.call("POST", f"/{FLAG}/actors", flipper_id="User;1")
    server.call("POST", f"/{FLAG}/actors", flipper_id="User;2")
    server.call("POST", f"/{FLAG}/groups", name="beta", allow_unregistered_groups="true")
    server.call("POST", f"/{FLAG}/percentage_of_actors", percentage=12.5)
    server.call("DELETE", f"/{FLAG}/percentage_of_time")
    server.call("POST", f"/{FLAG}/expression", **json.loads(EXPRESSION))
    assert store.gates(FLAG) == rows(server)
    assert len(store.gates(FLAG).rows) == 7
    assert ("percentage_of_time", "0") in store.gates(FLAG).rows


@pytest.mark.parametrize(
    "gates",
    [
        DISABLED,
        ENABLED,
        Gates.of(("boolean", "true"), ("actors", "User;1"), ("percentage_of_actors", "25")),
        Gates.of(("actors", "User;1"), ("actors", "é & ?#/%;"), ("groups", "unregistered")),
        Gates.of(("percentage_of_actors", "12.5"), ("percentage_of_time", "0")),
        Gates.of(("expression", EXPRESSION), ("percentage_of_time", "100")),
    ],
    ids=["off", "on", "boolean and more", "actors", "percentages", "expression"],
)
def test_a_flag_comes_back_row_by_row_after_a_kill(
    store: FlipperApiFlagStore, server: FlipperApi, gates: Gates
) -> None:
    switch = Switch(store)
    switch.put(FLAG, gates)
    assert rows(server) == gates
    snapshot = switch.snapshot(FLAG, NOW)
    switch.write(FLAG, to=False, expected=gates)
    assert rows(server) == DISABLED
    switch.restore(snapshot, expected=DISABLED)
    assert rows(server) == gates


def test_one_actor_more_touches_no_other_row(
    store: FlipperApiFlagStore, server: FlipperApi
) -> None:
    store.replace_gates(FLAG, Gates.of(("actors", "User;1"), ("percentage_of_actors", "5")))
    with closing(sqlite3.connect(server.database)) as connection:
        query = "SELECT id, value FROM flipper_gates ORDER BY id"
        before = connection.execute(query).fetchall()
        wanted = store.with_actor(store.gates(FLAG), "User;2", present=True)
        store.replace_gates(FLAG, wanted)
        assert connection.execute(query).fetchall()[:2] == before


@pytest.mark.parametrize("name", ["a/b c", "ümlaut", "a?b#c", "a.b:c-d"])
def test_odd_names_reach_the_feature_and_no_other(
    store: FlipperApiFlagStore, server: FlipperApi, name: str
) -> None:
    server.call("POST", "", name=name)
    store.set(name, True)
    assert rows(server, name) == ENABLED
    assert store.gates(FLAG) == DISABLED
    assert sorted(flag.name for flag in store.flags()) == sorted([FLAG, name])


def test_a_percentage_of_zero_and_none_are_the_same_to_whoever_compares(
    store: FlipperApiFlagStore, server: FlipperApi
) -> None:
    server.call("DELETE", f"/{FLAG}/percentage_of_actors")
    assert store.gates(FLAG) == Gates.of(("percentage_of_actors", "0"))
    store.replace_gates(FLAG, ENABLED, expected=DISABLED)
    with pytest.raises(FlagChanged):
        store.replace_gates(FLAG, Gates.of(("actors", "User;1")), expected=DISABLED)
    assert rows(server) == ENABLED


def test_a_gate_that_the_api_cannot_write_is_refused_before_any_call(
    store: FlipperApiFlagStore, server: FlipperApi
) -> None:
    store.set(FLAG, True)
    with pytest.raises(FlagError, match=r"no call for gate 'blocked_actors'.*nothing was written"):
        store.replace_gates(FLAG, Gates.of(("blocked_actors", "User;1")))
    assert rows(server) == ENABLED
