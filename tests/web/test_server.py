"""The web on real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest
import requests

from daemon.web import WebError, WebServer, serve
from daemon.web.api import events
from daemon.web.server import THREADS
from flags import ofrep
from tests.web.conftest import GUARD, Room


def test_a_port_in_use_is_a_clear_error_and_starts_nothing(room: Room) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        threads = threading.active_count()
        with pytest.raises(WebError) as caught:
            serve(room.app(), "127.0.0.1", port)
    assert str(caught.value) == f"127.0.0.1:{port} is in use: set web.port or stop the other"
    assert threading.active_count() == threads


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_names_the_remedy(room: Room, host: str) -> None:
    with pytest.raises(WebError, match=r"set web\.host to an address of this machine"):
        serve(room.app(), host, 0)


def test_the_port_is_free_again_after_close(room: Room) -> None:
    server = serve(room.app(), "127.0.0.1", 0)
    server.close()  # never ran
    server.close()  # and closing twice is no error
    again = serve(room.app(), "127.0.0.1", server.port)
    thread = threading.Thread(target=again.run)
    thread.start()
    assert requests.get(f"{again.url}/healthz", timeout=10).json() == {"alive": True}
    again.close()
    thread.join(10)
    assert not thread.is_alive()
    with socket.create_server(("127.0.0.1", server.port)):
        pass


def test_an_act_under_way_is_answered_although_we_stop(
    room: Room, served: Callable[[Room], WebServer]
) -> None:
    reached, may_go_on = threading.Event(), threading.Event()
    really = room.engine.apply_pending

    def slowly() -> object:
        reached.set()
        may_go_on.wait(10)
        return really()

    room.engine.apply_pending = slowly  # type: ignore[method-assign]
    server = served(room)
    answers: list[requests.Response] = []
    url = f"{server.url}/api/v1/guards/{GUARD}/trip"
    asking = threading.Thread(
        target=lambda: answers.append(requests.post(url, json={"reason": "x"}, timeout=20))
    )
    asking.start()
    assert reached.wait(10)
    closing = threading.Thread(target=server.close)
    closing.start()
    may_go_on.set()
    asking.join(20)
    closing.join(20)
    assert [answer.status_code for answer in answers] == [200]
    assert room.flag() == "off"


def test_the_server_tells_nothing_of_what_it_runs_on(
    room: Room, served: Callable[[Room], WebServer]
) -> None:
    answer = requests.get(f"{served(room).url}/", timeout=10)
    assert "Server" not in answer.headers
    assert "waitress" not in str(answer.headers).lower()


def test_a_huge_body_is_refused_before_it_is_taken_in(
    room: Room, served: Callable[[Room], WebServer]
) -> None:
    server = served(room)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(
            b"POST /api/v1/guards/x/trip HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 900000000\r\n\r\n{"
        )
        assert b"413" in connection.recv(4096).split(b"\r\n")[0]


def test_closing_a_server_whose_loop_ends_by_itself_meanwhile_is_no_error(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(room.app(), "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    assert requests.get(f"{server.url}/healthz", timeout=10).status_code == 200
    trigger = server._server.trigger
    really = trigger.pull_trigger

    def too_late() -> None:
        assert server._closed.wait(10)
        really()

    monkeypatch.setattr(trigger, "pull_trigger", too_late)
    server.close()
    thread.join(10)
    assert not thread.is_alive()


def test_streams_never_take_more_than_half_of_the_threads() -> None:
    assert ofrep.STREAMS + events.STREAMS <= THREADS // 2


def test_while_every_stream_is_taken_the_others_are_answered(
    room: Room, served: Callable[[Room], WebServer]
) -> None:
    server = served(room)
    path = f"{server.url}/api/v1/events"
    streams = [requests.get(path, stream=True, timeout=20) for _ in range(events.STREAMS)]
    assert [each.status_code for each in streams] == [200] * events.STREAMS
    assert requests.get(path, timeout=10).status_code == 503
    answers = [requests.get(f"{server.url}/api/v1/overview", timeout=20) for _ in range(3)]
    assert [each.status_code for each in answers] == [200] * 3
    room.engine.news.close()
    for each in streams:
        assert each.content.startswith(b"retry: ")
