"""The quirks of Ruby Flipper's HTTP API, and of what stands between us and it."""

from __future__ import annotations

import fcntl
import http.server
import itertools
import json
import multiprocessing
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags.model import (
    FlagChanged,
    FlagError,
    Gates,
    ReadBackDiffers,
    StoreUnavailable,
    UnknownFlag,
)
from flags.stores.base import DISABLED, ENABLED
from flags.stores.flipper_api import FlipperApiFlagStore, plan
from flags.stores.flipper_http import MAX_ANSWER_BYTES
from flags.switch import Switch
from tests.flags.api import FlipperApi

FLAG = "representative_status_enabled"
TIMEOUT_S = 0.5
USER, PASSWORD = "tripflag", "pass:wörd"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXPRESSION = '{"Equal":[{"Property":["plan"]},"basic"]}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlipperApi]:
    api = FlipperApi(tmp_path_factory.mktemp("api"))
    api.start()
    yield api
    api.stop()


@pytest.fixture
def store(
    server: FlipperApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FlipperApiFlagStore]:
    """One flag that is off, and no other."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with sqlite3.connect(server.database) as connection:
        connection.execute("DELETE FROM flipper_features")
        connection.execute("DELETE FROM flipper_gates")
    connection.close()
    server.call("POST", "", name=FLAG)
    opened = FlipperApiFlagStore(server.base_url, TIMEOUT_S)
    yield opened
    opened.close()


def rows(server: FlipperApi, name: str = FLAG) -> Gates:
    """What is in the application's own table."""
    query = "SELECT key, value FROM flipper_gates WHERE feature_key = ?"
    with closing(sqlite3.connect(server.database)) as connection:
        return Gates.of(*connection.execute(query, (name,)).fetchall())


class Canned:
    """A server that gives the same answers one after the other, and keeps what it was asked."""

    def __init__(self, *answers: tuple[int, str, str]) -> None:
        asked: list[tuple[str, str, dict[str, str]]] = []
        given = itertools.chain(answers, itertools.repeat(answers[-1]))

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                headers = {key.lower(): value for key, value in self.headers.items()}
                asked.append((self.command, self.path, headers))
                self.rfile.read(int(headers.get("content-length", 0)))
                status, kind, text = next(given)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                if status == 302:
                    self.send_header("Location", f"{self.path}/elsewhere")
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.asked = asked
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._http.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator[FlipperApiFlagStore]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        store = FlipperApiFlagStore(self.base_url, TIMEOUT_S, token="sesame")
        try:
            yield store
        finally:
            store.close()
            self._http.shutdown()
            thread.join()
            self._http.server_close()


def feature(name: str = FLAG, **gates: object) -> tuple[int, str, str]:
    listed = [{"key": key, "name": key, "value": value} for key, value in gates.items()]
    text = json.dumps({"key": name, "state": "off", "gates": listed})
    return 200, "application/json", text


# --- what is written and read -----------------------------------------------------------------


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


# --- who may, and what answers ------------------------------------------------------------------


def test_basic_authentication_opens_and_its_absence_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    api = FlipperApi(tmp_path, user=USER, password=PASSWORD)
    api.start()
    allowed = FlipperApiFlagStore(api.base_url, TIMEOUT_S, user=USER, password=PASSWORD)
    refused = FlipperApiFlagStore(api.base_url, TIMEOUT_S, user=USER, password="wrong")
    try:
        assert allowed.flags() == ()
        with pytest.raises(StoreUnavailable, match=r"HTTP 401: check store\.token") as error:
            refused.set(FLAG, False)
        assert "wrong" not in str(error.value)
        assert "who are you" not in str(error.value), "its body"
    finally:
        allowed.close()
        refused.close()
        api.stop()


def test_credentials_from_a_netrc_are_never_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password netrc-secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    canned = Canned(feature())
    with canned.serving() as bearer:
        bearer.gates(FLAG)
        bare = FlipperApiFlagStore(canned.base_url, TIMEOUT_S)
        bare.gates(FLAG)
        bare.close()
    sent = [headers.get("authorization") for _, _, headers in canned.asked]
    assert sent == ["Bearer sesame", None]


def test_a_body_goes_under_exactly_the_type_that_the_api_reads() -> None:
    canned = Canned(feature(actors=[]), feature(actors=["User;1"]))
    with canned.serving() as store:
        store.replace_gates(FLAG, Gates.of(("actors", "User;1")))
    assert [method for method, _, _ in canned.asked] == ["GET", "POST", "GET"]
    assert canned.asked[1][2]["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, "text/html", "<h1>hunter2</h1>"), "HTTP 500: look into the log"),
        ((403, "text/html", "<h1>hunter2</h1>"), "HTTP 403: check the rights"),
        ((404, "text/html", "<h1>hunter2</h1>"), "HTTP 404: .*check store.base_url"),
        ((404, "application/json", "{}"), "HTTP 404: .*check store.base_url"),
        ((302, "text/html", "hunter2"), "HTTP 302"),
        ((200, "text/html", "<h1>hunter2</h1>"), "no JSON"),
        ((200, "application/json", "[" * 100_000), "no JSON"),
        ((200, "application/json", '{"hunter2": 1}'), "none of flipper-api's"),
        ((200, "application/json", '["hunter2"]'), "none of flipper-api's"),
        (feature(name="hunter2"), "about another flag"),
        ((200, "application/json", " " * (MAX_ANSWER_BYTES + 1)), "larger than"),
    ],
    ids=[
        "500",
        "403",
        "404 of a proxy",
        "404 of another path",
        "redirect",
        "html",
        "deep json",
        "another object",
        "a list",
        "another flag",
        "too large",
    ],
)
def test_an_answer_that_is_none_is_an_error_that_never_repeats_its_body(
    answer: tuple[int, str, str], said: str
) -> None:
    canned = Canned(answer)
    with canned.serving() as store:
        with pytest.raises(StoreUnavailable, match=said) as error:
            store.set(FLAG, False)
        assert "hunter2" not in str(error.value)
    assert [method for method, _, _ in canned.asked] == ["GET"], (
        "no write, and no redirect followed"
    )


def test_a_gate_of_a_later_flipper_is_kept_in_the_snapshot() -> None:
    canned = Canned(feature(boolean=None, blocked_actors=["User;1"], expression={"Any": []}))
    with canned.serving() as store:
        assert store.gates(FLAG) == Gates.of(
            ("blocked_actors", "User;1"), ("expression", '{"Any":[]}')
        )


def test_a_gate_of_a_later_flipper_stays_where_it_is_and_goes_with_a_kill() -> None:
    found = Gates.of(("blocked_actors", "User;1"), ("actors", "User;2"))
    kept = Gates.of(("blocked_actors", "User;1"), ("actors", "User;3"))
    assert [step.gate for step in plan(found, kept)] == ["actors", "actors"]
    assert [(step.method, step.gate) for step in plan(found, DISABLED)] == [("DELETE", "boolean")]
    assert plan(found, Gates.of(("actors", "User;2")))[0].gate == "boolean", "only a wipe takes it"


def test_credentials_that_cannot_be_used_are_refused_and_not_repeated() -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"base_url": "http://someone:hunter2@127.0.0.1/flipper"},
        {"base_url": "http://127.0.0.1", "token": "hunter2", "user": "someone"},
        {"base_url": "http://127.0.0.1", "password": "hunter2"},
        {"base_url": "http://127.0.0.1", "token": "hunter2\r\nX-Other: 1"},
        {"base_url": "http://127.0.0.1", "token": ""},
    )
    for arguments in wrong:
        with pytest.raises(FlagError, match="store\\.") as error:
            FlipperApiFlagStore(**arguments)
        assert "hunter2" not in str(error.value)


# --- outages --------------------------------------------------------------------------------


def test_a_server_that_accepts_and_never_answers_is_given_up_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        store = FlipperApiFlagStore(f"http://127.0.0.1:{port}", TIMEOUT_S)
        begin = time.monotonic()
        with pytest.raises(StoreUnavailable, match="no answer in time"):
            store.set(FLAG, False)
        assert time.monotonic() - begin < 2 * TIMEOUT_S + 0.5
        store.close()


def test_a_trickle_of_bytes_is_given_up_in_time() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def trickle() -> None:
            line, _ = listening.accept()
            with line:
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while not stop.wait(0.05):
                    line.send(b" ")

        thread = threading.Thread(target=trickle)
        thread.start()
        store = FlipperApiFlagStore(f"http://127.0.0.1:{listening.getsockname()[1]}", TIMEOUT_S)
        begin = time.monotonic()
        with pytest.raises(StoreUnavailable, match="did not end in time"):
            store.gates(FLAG)
        assert time.monotonic() - begin < TIMEOUT_S + 0.5
        stop.set()
        thread.join()
        store.close()


def test_a_moments_503_is_tried_again_for_reads() -> None:
    canned = Canned((503, "text/html", "busy"), (503, "text/html", "busy"), feature())
    with canned.serving() as store:
        assert store.gates(FLAG) == DISABLED
    assert len(canned.asked) == 3


def test_a_write_that_broke_is_repeated_only_after_a_look() -> None:
    on = feature(boolean="true")
    canned = Canned(on, (503, "text/html", "busy"), on, feature(boolean=None))
    with canned.serving() as store:
        assert store.replace_gates(FLAG, DISABLED) == ENABLED
    assert [method for method, _, _ in canned.asked] == ["GET", "DELETE", "GET", "DELETE", "GET"]


def test_a_feature_that_vanished_during_a_broken_write_is_not_created_again() -> None:
    gone = (404, "application/json", '{"code":1,"message":"Feature not found"}')
    canned = Canned(feature(boolean="true"), (503, "text/html", "busy"), gone)
    with canned.serving() as store, pytest.raises(UnknownFlag):
        store.replace_gates(FLAG, DISABLED)
    assert [method for method, _, _ in canned.asked] == ["GET", "DELETE", "GET"]


def test_what_somebody_wrote_during_a_broken_write_is_not_overwritten() -> None:
    theirs = feature(boolean=None, actors=["User;1"])
    canned = Canned(feature(boolean="true"), (503, "text/html", "busy"), theirs)
    with canned.serving() as store, pytest.raises(ReadBackDiffers):
        store.replace_gates(FLAG, DISABLED, expected=ENABLED)
    assert [method for method, _, _ in canned.asked] == ["GET", "DELETE", "GET"]


def test_a_write_that_reads_back_different_is_said_and_not_fought() -> None:
    canned = Canned(feature(boolean="true"))
    with canned.serving() as store, pytest.raises(ReadBackDiffers):
        store.set(FLAG, False)
    assert [method for method, _, _ in canned.asked] == ["GET", "GET", "DELETE", "GET"]


# --- one writer on this machine -------------------------------------------------------------


def test_another_process_that_writes_makes_a_writer_wait_and_then_give_up(
    store: FlipperApiFlagStore, server: FlipperApi, tmp_path: Path
) -> None:
    store.set(FLAG, True)
    (lock,) = tmp_path.glob("tripflag-*.lock")
    with lock.open() as held:
        # flock belongs to the open file: to this process's other handle it is a stranger's.
        fcntl.flock(held, fcntl.LOCK_EX)
        begin = time.monotonic()
        with pytest.raises(StoreUnavailable, match="another process on this machine"):
            store.set(FLAG, False)
        assert TIMEOUT_S <= time.monotonic() - begin < 2 * TIMEOUT_S + 0.5
        assert store.gates(FLAG) == ENABLED, "reading needs no lock"
    store.set(FLAG, False)
    assert rows(server) == DISABLED


def _write(base_url: str, folder: str, actor: str, results: multiprocessing.Queue[str]) -> None:
    os.environ["TMPDIR"] = folder
    store = FlipperApiFlagStore(base_url, 10)
    try:
        store.replace_gates(FLAG, Gates.of(("actors", actor)), expected=ENABLED)
    except FlagChanged:
        results.put("changed")
    else:
        results.put(actor)
    finally:
        store.close()


def test_of_four_processes_that_saw_the_same_exactly_one_wins(
    store: FlipperApiFlagStore, server: FlipperApi, tmp_path: Path
) -> None:
    store.set(FLAG, True)
    spawn = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[str] = spawn.Queue()
    writers = [
        spawn.Process(target=_write, args=(server.base_url, str(tmp_path), f"User;{n}", results))
        for n in range(4)
    ]
    for writer in writers:
        writer.start()
    ended = [results.get(timeout=60) for _ in writers]
    for writer in writers:
        writer.join(60)
    results.close()
    results.join_thread()
    (winner,) = [result for result in ended if result != "changed"]
    assert rows(server) == Gates.of(("actors", winner))
