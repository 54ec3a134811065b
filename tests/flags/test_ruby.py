"""The real Ruby Flipper on the same database: what either writes the other reads, bit for bit."""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flags.evaluation import Evaluator
from flags.gates import (
    EXPRESSION,
    PERCENTAGE_OF_TIME,
    Share,
    flag_of,
    is_open,
    percentage,
    state,
)
from flags.model import Gates
from flags.stores.base import DISABLED
from flags.stores.sql import SqlFlagStore
from tests.flags.ruby import Ruby, database_url, ruby_process
from tests.servers import Postgres

FLAGS = 240
ACTORS = ["User;1", "User;2", "User;42", "probe-11", "Zoë", None]


@dataclass
class Both:
    """Ruby and we on one database with the tables as Rails makes them."""

    ruby: Ruby
    store: SqlFlagStore
    url: str

    def report(self, names: list[str]) -> dict[str, Any]:
        answer: dict[str, Any] = self.ruby("report", names, ACTORS)
        return answer


@pytest.fixture(scope="module")
def ruby() -> Iterator[Ruby]:
    with ruby_process() as process:
        yield process


@pytest.fixture(params=["sqlite", "postgres"])
def both(request: pytest.FixtureRequest, ruby: Ruby, tmp_path: Path) -> Iterator[Both]:
    url = database_url(request, request.param, tmp_path)
    ruby.connect(url)
    ruby("tables", False)
    store = SqlFlagStore(url, 10)
    yield Both(ruby, store, url)
    store.close()


def steps_of(name: str, chance: random.Random) -> Iterator[list[object]]:
    """A history of one flag, as people make it by Flipper's own methods."""
    yield [name, "add"]
    yield from boolean_and_sets(name, chance)
    if chance.random() < 0.5:
        percent = chance.choice([0, 1, 5, 12.5, 33.333, 50, 99.9, 100, 100.0])
        yield [name, "enable_percentage_of_actors", percent]
        if chance.random() < 0.1:
            yield [name, "disable_percentage_of_actors"]
    if chance.random() < 0.3:
        yield [name, "enable_percentage_of_time", chance.choice([0, 5, 12.5, 100])]
    if chance.random() < 0.15:
        yield [name, "raw", "expression", '{"Equal":[{"Property":["plan"]},"basic"]}']
    if chance.random() < 0.1:
        yield [name, "disable"]


def boolean_and_sets(name: str, chance: random.Random) -> Iterator[list[object]]:
    if chance.random() < 0.2:
        yield [name, "enable"]
    elif chance.random() < 0.1:
        yield [name, "raw", "boolean", chance.choice(["false", "1", "t", "TRUE"])]
    for actor in chance.sample([each for each in ACTORS if each], chance.choice([0, 0, 1, 3])):
        yield [name, "enable_actor", actor]
        if chance.random() < 0.2:
            yield [name, "disable_actor", actor]
    for group in chance.sample(["beta", "staff"], chance.choice([0, 0, 0, 1, 2])):
        yield [name, "enable_group", group]


def agree(name: str, gates: Gates, ruby: dict[str, Any]) -> None:
    """Compare rows, state, and who meets the flag."""
    assert Gates.of(*((key, value) for key, value in ruby["rows"])) == gates
    # Flipper 0.25 does not know expressions yet; 1.x counts them as a condition.
    known = Gates.of(*(row for row in gates.rows if row[0] != EXPRESSION))
    assert state(known).value == ruby["state"], gates
    by_chance = 0 < percentage(gates, PERCENTAGE_OF_TIME) < 100
    for actor, opened in zip(ACTORS, ruby["open"], strict=True):
        ours = is_open(name, gates, actor)
        assert Evaluator.of(flag_of(name, gates)).evaluate(actor, {}).value == ours
        assert ours == opened or (by_chance and opened), (name, actor, gates)


def test_what_ruby_writes_we_read_and_judge_alike(both: Both) -> None:
    chance = random.Random(3)  # noqa: S311
    names = [f"flag_{number}" for number in range(FLAGS)]
    both.ruby("apply", [step for name in names for step in steps_of(name, chance)])
    reports = both.report(names)
    flags = both.store.flags()
    assert [flag.name for flag in flags] == sorted(names)
    for flag in flags:
        agree(flag.name, flag.gates, reports[flag.name])
        assert both.store.gates(flag.name) == flag.gates
    assert len({flag.gates for flag in flags}) >= FLAGS / 2, "the histories are not all alike"
    assert {flag.state.value for flag in flags} == {"on", "off", "conditional"}


def test_what_we_write_ruby_reads_and_judges_alike(both: Both) -> None:
    chance = random.Random(4)  # noqa: S311
    names = [f"flag_{number}" for number in range(FLAGS)]
    both.ruby("apply", [step for name in names for step in steps_of(name, chance)])
    wanted = {flag.name: flag.gates for flag in both.store.flags()}
    for name in names:
        both.store.set(name, False)
    off = both.report(names)
    for name in names:
        agree(name, DISABLED, off[name])
        assert both.store.replace_gates(name, wanted[name]) == DISABLED
    again = both.report(names)
    for name in names:
        agree(name, wanted[name], again[name])
    assert both.ruby("names") == sorted(names)


def test_percentages_equal_rubys_bit_for_bit(ruby: Ruby) -> None:
    chance = random.Random(5)  # noqa: S311
    triples = []
    for number in range(3_000):
        flag = chance.choice(["representative_status_enabled", "a", f"flag_{number}", "flag:ü"])
        actor = chance.choice([f"User;{number}", f"probe-{number}", f"Zoë {number}", str(number)])
        exact = zlib.crc32(f"{flag}{actor}".encode()) % 100_000 / 1000
        near = exact + chance.choice([-0.001, 0, 0.001, 0.0005])
        percent = chance.choice([near, near, chance.uniform(0, 100), chance.randrange(101), 12.5])
        triples.append((flag, actor, str(min(100, max(0, percent)))))
    answers = ruby("percent", triples)
    ours = [
        [zlib.crc32(f"{flag}{actor}".encode()), Share.of(flag, float(percent)).has(actor)]
        for flag, actor, percent in triples
    ]
    assert ours == answers
    assert 500 < sum(opened for _, opened in ours) < 2_500, "both answers occur"


def test_our_times_are_utc_to_ruby(both: Both) -> None:
    both.ruby("apply", [["a_flag", "add"]])
    both.store.set("a_flag", True)
    for written in both.ruby("times", "a_flag"):
        assert abs(written - time.time()) < 60


def test_tables_of_our_own_are_rubys_to_the_column(ruby: Ruby, postgres_server: Postgres) -> None:
    ruby.connect(postgres_server.url())
    ruby("tables", False)
    rails = ruby("columns")
    url = postgres_server.url()
    with closing(SqlFlagStore(url, 10)) as ours:
        ours.create_tables()
    ruby.connect(url)
    made = ruby("columns")
    assert rails["flipper_features"] == made["flipper_features"]
    assert made["flipper_features"]["created_at"] == "timestamp(6) without time zone"
    # Flipper's newer generator makes it a text, for expressions are long.
    assert rails["flipper_gates"] | {"value": "text"} == made["flipper_gates"]
    ruby("apply", [["a_flag", "enable"]])
    assert ruby("report", ["a_flag"], [None])["a_flag"]["state"] == "on"
