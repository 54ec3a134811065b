"""What changes is told as it changes, by name only."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from flask_openapi3.openapi import OpenAPI

from config.schema import CircuitSpec
from daemon.audit import Signed
from daemon.bearer import Role
from daemon.news import About, News
from daemon.tokens import Tokens
from daemon.web import WebServer, serve
from daemon.web.api import events
from tests.web.conftest import FLAG, GUARD, Build, Room, bearer
from tests.web.test_drills import Hall

PATH = "/api/v1/events"
PAT = Signed("pat", "we deploy")
Serving = Callable[..., WebServer]


@pytest.fixture
def serving(room: Room) -> Iterator[Serving]:
    """Serve the room, with streams as a test wants them; its news end first, as the daemon's do."""
    running: list[tuple[WebServer, threading.Thread]] = []

    def start(**streams: Any) -> WebServer:
        app: OpenAPI = room.app()
        events.register(app, **streams)
        server = serve(app, "127.0.0.1", 0)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        running.append((server, thread))
        return server

    yield start
    room.engine.news.close()
    for server, thread in running:
        server.close()
        thread.join(15)
        assert not thread.is_alive()


class Listener:
    """An open stream, read event by event."""

    def __init__(self, answer: requests.Response) -> None:
        self.answer = answer
        self._lines = answer.iter_lines(chunk_size=1, decode_unicode=True)

    def next(self) -> dict[str, str]:
        """Return the next event's fields; comments and `retry` alone are passed over."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line:
                if "event" in fields:
                    return fields
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
        raise AssertionError("the stream ended")

    def until(self, kind: str) -> dict[str, Any]:
        """Return the data of the next event of a kind."""
        while (event := self.next())["event"] != kind:
            pass
        told: dict[str, Any] = json.loads(event["data"])
        return told


@contextmanager
def listening(server: WebServer, last: str = "") -> Iterator[Listener]:
    headers = {"Last-Event-ID": last} if last else {}
    with requests.get(f"{server.url}{PATH}", headers=headers, stream=True, timeout=20) as answer:
        assert answer.status_code == 200
        yield Listener(answer)


def test_a_kill_is_told_by_name_as_it_happens(room: Room, serving: Serving) -> None:
    with listening(serving()) as heard:
        assert heard.answer.headers["Content-Type"].startswith("text/event-stream")
        hostile = "<script>alert(1)</script>"
        room.break_widget(hostile)
        events = [heard.next() for _ in range(8)]
    told = [json.loads(event["data"]) for event in events]
    assert {"kind": "run", "name": "widget_signed_out", "id": "run-0001"} in told
    assert {"kind": "guard", "name": GUARD, "id": ""} in told
    assert all(event["event"] == each["kind"] for event, each in zip(events, told, strict=True))
    assert hostile not in str(events)


def test_flags_incidents_and_reloads_are_told(room: Room, serving: Serving) -> None:
    with listening(serving()) as heard:
        room.break_widget()
        incident = heard.until("incident")
        assert incident["name"] == GUARD
        assert incident["id"].startswith(GUARD)
    with listening(serving()) as heard:
        room.engine.flip("assessment_fallback_enabled", True, "pat", "try")
        assert heard.until("flag") == {
            "kind": "flag",
            "name": "assessment_fallback_enabled",
            "id": "",
        }
    with listening(serving()) as heard:
        room.store.set(FLAG, True)
        room.engine.poll_flags()
        assert heard.until("flag")["name"] == FLAG
    with listening(serving()) as heard:
        room.engine.reload(room.config)
        assert heard.until("config")["name"] == ""


def test_pauses_circuits_and_drills_are_told(room: Room, serving: Serving) -> None:
    circuits = {"api": CircuitSpec(name="api", probe="page")}
    room.config = room.config.model_copy(update={"circuits": circuits})
    drills = Hall(room).drills
    with listening(serving(life_s=15)) as heard:
        room.engine.pauses.pause("page", PAT)
        assert heard.until("probe") == {"kind": "probe", "name": "page", "id": ""}
        room.engine.pauses.resume("page", PAT)
        assert heard.until("probe")["name"] == "page"
        room.engine.circuits.ask("api", True, PAT)
        assert heard.until("circuit") == {"kind": "circuit", "name": "api", "id": ""}
        drill = drills.start(GUARD, "pat")
        assert heard.until("drill") == {"kind": "drill", "name": GUARD, "id": drill}


def test_a_stream_resumes_behind_the_last_event_that_came(room: Room, serving: Serving) -> None:
    server = serving()
    with listening(server) as heard:
        room.run("page")
        first = heard.next()
    room.run("page")
    room.run("page")
    with listening(server, first["id"]) as heard:
        ids = [json.loads(heard.next()["data"])["id"] for _ in range(2)]
    assert ids == ["run-0002", "run-0003"]


@pytest.mark.parametrize("last", ["1", "99999999999999999", "not-ours", "9" * 40])
def test_a_gap_is_answered_with_a_reset(room: Room, serving: Serving, last: str) -> None:
    room.run("page")
    with listening(serving(), last) as heard:
        assert heard.next()["event"] == "reset"
        room.run("page")
        assert heard.until("run")["id"] == "run-0002"


def test_what_the_ring_no_longer_holds_is_a_gap() -> None:
    news = News(start=100, kept=3)
    for number in range(5):
        news.tell(About.RUN, "page", f"run-{number}")
    assert [item.number for item in news.since(102).items] == [103, 104, 105]
    assert (news.since(101).missed, news.since(102).missed) == (True, False)
    assert (news.since(99).missed, news.since(105).missed, news.since(106).missed) == (
        True,
        False,
        True,
    )
    assert news.since(105).items == ()


def test_a_listener_is_woken_by_what_comes_and_by_the_end() -> None:
    news = News(start=0)
    heard: list[Any] = []
    waiting = threading.Thread(target=lambda: heard.append(news.wait(0, 30)))
    waiting.start()
    news.tell(About.GUARD, GUARD)
    waiting.join(10)
    assert [item.name for item in heard[0].items] == [GUARD]
    waiting = threading.Thread(target=lambda: heard.append(news.wait(1, 30)))
    waiting.start()
    news.close()
    waiting.join(10)
    assert (heard[1].items, heard[1].missed) == ((), False)


def test_one_stream_too_many_is_sent_away_and_a_place_comes_free(serving: Serving) -> None:
    server = serving(streams=1, life_s=60, beat_s=0.05)
    with listening(server):
        refused = requests.get(f"{server.url}{PATH}", timeout=10)
        assert refused.status_code == 503
        assert refused.json()["detail"].startswith("all 1 event streams are in use: ask for")
        assert refused.headers["Retry-After"] == "5"
        assert requests.get(f"{server.url}/healthz", timeout=10).status_code == 200
    # The heartbeat finds out that nobody is there; only then is the place free.
    free = threading.Event()
    for _ in range(200):
        with requests.get(f"{server.url}{PATH}", stream=True, timeout=10) as again:
            if again.status_code == 200:
                free.set()
                break
        free.wait(0.05)
    assert free.is_set()


def test_a_stream_ends_by_itself_and_says_when_to_come_again(serving: Serving) -> None:
    answer = requests.get(f"{serving(life_s=0.2, beat_s=0.05).url}{PATH}", timeout=10)
    assert answer.text.startswith("retry: 1000\nid: ")
    assert answer.text.count("\n: \n") >= 1


def test_the_end_of_the_daemon_ends_streams_at_once(room: Room, serving: Serving) -> None:
    server = serving(life_s=600, beat_s=600)
    with listening(server) as heard:
        closing = threading.Timer(0.0, room.engine.news.close)
        closing.start()
        with pytest.raises(AssertionError, match="the stream ended"):
            heard.next()
        closing.join(5)


def test_only_those_who_may_read_hear(build: Build) -> None:
    room = build(web={"tokens": {"viewer": "viewer-token-0123456789"}})
    assert room.app().test_client().get(PATH).status_code == 401


def test_a_token_that_is_revoked_hears_no_more(build: Build) -> None:
    room = build()
    signed = Signed("pat", "on call")
    tokens = Tokens(room.journal)
    now = datetime.now(UTC)
    _, admin = tokens.create("ann", Role.ADMIN, signed, now)
    _, viewer = tokens.create("vic", Role.VIEWER, signed, now)
    app = room.app()
    events.register(app, life_s=5)
    client = app.test_client()
    opened = client.get(PATH, headers=bearer(viewer), buffered=False)
    stream = iter(opened.response)
    next(stream)
    room.run("page")
    assert "run-0001" in str(next(stream))
    answer = client.delete("/api/v1/tokens/vic", json={"reason": "left"}, headers=bearer(admin))
    assert answer.status_code == 200
    room.run("page")
    assert list(stream) == []
    opened.close()
