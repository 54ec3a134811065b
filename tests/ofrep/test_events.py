"""Event streams: told at once, bounded in number and in time, and given back however they end."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from tests.ofrep.conftest import DEADLINE_S, FLAG, Room, Serve

PATH = "/ofrep/v1/events"


class Listener:
    """One client with an open stream."""

    def __init__(self, room: Room) -> None:
        self.answer = room.get(PATH, stream=True)
        self._lines = self.answer.iter_lines(chunk_size=1, decode_unicode=True)

    def line(self, start: str) -> str:
        """Wait for the next line that begins so; the request's own time-out is the deadline."""
        return str(next(line for line in self._lines if line.startswith(start)))[len(start) :]

    def event(self) -> dict[str, str]:
        """Wait for the next event."""
        return dict(json.loads(self.line("data: ")))

    def rest(self) -> list[str]:
        """Wait for the end."""
        return list(self._lines)


@contextlib.contextmanager
def listening(room: Room) -> Iterator[Listener]:
    listener = Listener(room)
    try:
        yield listener
    finally:
        listener.answer.close()


def until_free(room: Room) -> float:
    """Ask until there is a place; return how long it took."""
    began = time.monotonic()
    while time.monotonic() < began + DEADLINE_S:
        with listening(room) as listener:
            if listener.answer.status_code == 200:
                return time.monotonic() - began
    pytest.fail("no place was given back")


def test_a_kill_is_told_at_once_to_everybody_who_listens(room: Room) -> None:
    with listening(room) as one, listening(room) as two:
        for listener in (one, two):
            assert listener.answer.headers["Content-Type"].startswith("text/event-stream")
            assert listener.event()["etag"] == room.mirror.reading.etag
        began = time.monotonic()
        room.kill()
        told = [listener.event() for listener in (one, two)]
        assert time.monotonic() - began < 1
    assert told == [{"type": "refetchEvaluation", "etag": room.mirror.reading.etag}] * 2


def test_a_poll_that_changes_nothing_is_not_told_and_silence_is_filled(serve_room: Serve) -> None:
    room = serve_room(heartbeat_s=0.05)
    room.poll()
    with listening(room) as listener:
        listener.event()
        room.poll()
        assert listener.line(":") == " "
        room.killed_elsewhere()
        room.poll()
        assert listener.event()["etag"] == room.mirror.reading.etag


def test_a_client_that_comes_back_is_told_to_ask_again_for_what_it_missed(room: Room) -> None:
    with listening(room) as listener:
        assert listener.line("retry: ") == "1000"
        before = listener.event()
    room.kill()
    with listening(room) as listener:
        after = listener.event()
    assert before["etag"] != after["etag"] == room.mirror.reading.etag


def test_a_stream_ends_after_its_time_and_gives_its_place_back(serve_room: Serve) -> None:
    room = serve_room(streams=1, stream_s=0.2)
    room.poll()
    with listening(room) as listener:
        listener.event()
        assert room.get(PATH).status_code == 503
        listener.rest()
    # The client has the last byte a moment before the server closes the stream.
    for _ in range(3):
        until_free(room)


def test_one_stream_too_many_is_refused_and_evaluations_go_on(serve_room: Serve) -> None:
    room = serve_room(streams=2, heartbeat_s=0.05)
    room.poll()
    with listening(room) as one, listening(room) as two, listening(room) as third:
        one.event()
        two.event()
        assert third.answer.status_code == 503
        assert third.answer.headers["Retry-After"] == "1"
        assert "2 event streams" in third.answer.json()["errorDetails"]
        assert room.post(f"/{FLAG}", {}).status_code == 200


def test_a_client_that_left_without_a_word_gives_its_place_back(serve_room: Serve) -> None:
    room = serve_room(streams=1, heartbeat_s=0.05)
    room.poll()
    with listening(room) as listener:
        listener.event()
    assert until_free(room) < 5


def test_asking_for_the_headers_only_takes_no_place(serve_room: Serve) -> None:
    room = serve_room(streams=1)
    for _ in range(3):
        assert requests.head(room.url + PATH, timeout=DEADLINE_S).status_code == 200
    with listening(room) as listener:
        assert listener.answer.status_code == 200


def test_closing_the_mirror_ends_every_stream_at_once(serve_room: Serve) -> None:
    room = serve_room()
    room.poll()
    with listening(room) as listener:
        listener.event()
        closer = threading.Timer(0, room.mirror.close)
        began = time.monotonic()
        closer.start()
        listener.rest()
        assert time.monotonic() - began < 2
        closer.join()
