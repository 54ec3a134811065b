"""What the command line says of a daemon that refuses, is away, or is none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from daemon.cli.client import ApiError, Client
from daemon.web import WebServer
from tests.cli.conftest import run_command
from tests.web.conftest import GUARD, OPERATOR, VIEWER, Room


@dataclass
class Fake:
    """A server that answers whatever a test tells it to, and keeps what it was sent."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    drops: int = 0
    seen: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def fake() -> Iterator[Fake]:
    told = Fake()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told.seen.append({**self.headers, ":": f"{self.command} {self.path}"})
            if told.drops > 0:
                told.drops -= 1
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        do_POST = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_lost_connection_is_tried_once_more_under_the_same_key(fake: Fake) -> None:
    fake.drops = 1
    assert Client(fake.url, None).act("guards/x/trip", "why") == {}
    first, second = fake.seen
    assert first["Idempotency-Key"] == second["Idempotency-Key"]
    assert len(first["Idempotency-Key"]) >= 32
    fake.drops = 2
    with pytest.raises(ApiError, match="no daemon answers at http"):
        Client(fake.url, None).act("guards/x/trip", "why")
    assert len(fake.seen) == 4
    assert fake.seen[2]["Idempotency-Key"] != first["Idempotency-Key"]


def test_an_act_that_was_done_but_not_answered_is_done_once(
    room: Room, served: Callable[[Room], WebServer]
) -> None:
    url = served(room).url
    lost = _LossyProxy(url)
    with lost:
        told = Client(lost.url, None).act(f"guards/{GUARD}/hold", "load test")
    assert told["phase"] == "held"
    assert lost.lost == 1
    assert len(room.audited(f"guard {GUARD}")) == 1


class _LossyProxy:
    """Passes one request on and loses its answer; the next goes through."""

    def __init__(self, to: str) -> None:
        self._to = to.removeprefix("http://").split(":")
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.lost = 0
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join(20)
        self._server.close()
        assert not self._thread.is_alive()

    def _run(self) -> None:
        for number in range(2):
            caller, _ = self._server.accept()
            with caller, socket.create_connection((self._to[0], int(self._to[1]))) as daemon:
                caller.settimeout(10)
                daemon.settimeout(10)
                asked = b""
                while b"\r\n\r\n" not in asked or not asked.rstrip().endswith(b"}"):
                    asked += caller.recv(65536)
                daemon.sendall(asked)
                answer = daemon.recv(65536)
                while not answer.rstrip().endswith(b"}"):
                    answer += daemon.recv(65536)
                if number == 0:
                    self.lost += 1
                    continue
                caller.sendall(answer)


def test_a_proxys_page_is_told_from_a_daemons_answer(fake: Fake) -> None:
    fake.status, fake.headers = 502, {"Content-Type": "text/html; charset=utf-8"}
    fake.body = b"<h1>Bad \x1b[31mgateway"
    ended = run_command(fake.url, "guards", "list")
    assert ended.exit_code == 1
    assert ended.stderr == (
        f"{fake.url}/api/v1/guards answered 502 with text/html, so it is no daemon that said it: "
        "look at the proxy before it, or give --url or TRIPFLAG_URL\n"
    )
    fake.status = 200
    with pytest.raises(ApiError, match="answered 200, but not in JSON: give the daemon's own"):
        Client(fake.url, None).get("guards")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_told_and_the_token_goes_nowhere(fake: Fake, status: int) -> None:
    fake.status, fake.headers = status, {"Location": "http://127.0.0.2:9/api/v1/guards"}
    with pytest.raises(ApiError) as told:
        Client(fake.url, "secret-token-123").get("guards")
    assert str(told.value) == (
        f"{fake.url} sends on to http://127.0.0.2:9/api/v1/guards: give that address with --url"
    )
    assert len(fake.seen) == 1


def test_a_token_is_sent_as_it_was_given_whatever_the_users_netrc_says(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    Client(fake.url, "secret-token-123").get("guards")
    assert fake.seen[0]["Authorization"] == "Bearer secret-token-123"


def test_a_token_may_stand_in_a_file(fake: Fake, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-a-file-123\n")
    run_command(fake.url, "audit", "export", TRIPFLAG_TOKEN_FILE=str(file))
    assert fake.seen[0]["Authorization"] == "Bearer from-a-file-123"
    ended = run_command(fake.url, "guards", "list", TRIPFLAG_TOKEN_FILE=str(tmp_path / "none"))
    assert ended.exit_code == 1
    assert ended.stderr == (
        f"cannot read the token in {tmp_path / 'none'} (FileNotFoundError): mend "
        "TRIPFLAG_TOKEN_FILE, or set TRIPFLAG_TOKEN\n"
    )


def test_a_missing_and_a_weak_token_are_told_with_the_remedy(
    locked: Room, served: Callable[[Room], WebServer]
) -> None:
    url = served(locked).url
    missing = run_command(url, "guards", "list")
    assert missing.exit_code == 1
    assert "TRIPFLAG_TOKEN" in missing.stderr
    assert missing.stderr.count("\n") == 1
    weak = run_command(url, "trip", GUARD, "-r", "x", TRIPFLAG_TOKEN=VIEWER)
    assert weak.exit_code == 1
    assert "TRIPFLAG_TOKEN" in weak.stderr
    assert "operator" in weak.stderr
    assert run_command(url, "trip", GUARD, "-r", "x", TRIPFLAG_TOKEN=OPERATOR).exit_code == 0


def test_too_many_attempts_say_when_to_try_again(fake: Fake) -> None:
    fake.status, fake.body = 429, b'{"detail": "too many wrong tokens"}'
    fake.headers = {"Content-Type": "application/problem+json", "Retry-After": "41"}
    with pytest.raises(ApiError) as told:
        Client(fake.url, "wrong").get("guards")
    assert str(told.value) == (
        "too many wrong tokens; try again in 41 s with the right TRIPFLAG_TOKEN"
    )


def test_a_daemon_that_hangs_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.cli.client.TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ApiError) as told:
            Client(url, None).act("guards/x/trip", "why")
    assert str(told.value) == (
        f"the daemon at {url} did not answer within 0.2 s: look whether it was done before you "
        "retry"
    )


@pytest.mark.parametrize("url", ["", "localhost:8700", "ftp://host", "http://", "/api"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ApiError, match="is no address of a daemon: give one such as"):
        Client(url, None)


def test_what_a_refusal_quotes_steers_no_terminal(fake: Fake) -> None:
    fake.status, fake.body = 409, b'{"detail": "first: \\u001b[2Jgone\\u202e\\nsecond"}'
    ended = run_command(fake.url, "trip", "x", "-r", "y")
    assert (ended.exit_code, ended.stderr) == (3, "first: gone second\n")


def test_a_download_that_breaks_off_leaves_no_file(fake: Fake, tmp_path: Path) -> None:
    fake.headers = {"Content-Type": "image/png"}
    file = tmp_path / "shot.png"
    fake.body = b"x" * 100_000
    assert Client(fake.url, None).download("runs/1/artifacts/screenshot", file) == 100_000
    fake.status, fake.body = 404, b'{"detail": "gone"}'
    with pytest.raises(ApiError, match="gone"):
        Client(fake.url, None).download("runs/1/artifacts/screenshot", tmp_path / "other.png")
    assert [each.name for each in tmp_path.iterdir()] == ["shot.png"]
