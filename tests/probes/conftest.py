"""A real stage, a small site of a test's own, and one warm runner: one of each per module."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from config.schema import BrowserSpec, JourneyProbe, TargetSpec, UplinkSpec
from probes.model import Outcome, Purpose
from probes.runner import Job, Runner
from probes.stage.app import create_app, faults_of
from probes.stage.faults import FaultPanel
from probes.stage.server import serve
from tests.probes.bare import Bare

WALKS = Path(__file__).parent / "walks"
FLAG = "representative_status_enabled"
FALLBACK = "assessment_fallback_enabled"
SITE_FLAGS = {FLAG: True, FALLBACK: False}


@dataclass
class Stage:
    """The embedded stage, its fault panel and its whole flag store."""

    url: str
    faults: FaultPanel
    flags: dict[str, bool] = field(default_factory=lambda: dict(SITE_FLAGS))
    loads: int = 0

    def read_flags(self, _actor: str | None) -> dict[str, bool]:
        self.loads += 1
        return dict(self.flags)

    @property
    def target(self) -> TargetSpec:
        return TargetSpec(name="stage", base_url=self.url, cookies={"FLIPPER_ID": "probe-11"})


@pytest.fixture(scope="module")
def running_stage() -> Iterator[Stage]:
    holder: list[Stage] = []
    app = create_app(lambda actor: holder[0].read_flags(actor))
    server = serve(app, "127.0.0.1", 0)
    holder.append(Stage(server.url, faults_of(app)))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield holder[0]
    server.close()
    thread.join(timeout=10)
    assert not thread.is_alive()


@pytest.fixture
def stage(running_stage: Stage) -> Stage:
    running_stage.faults.mend()
    running_stage.flags = dict(SITE_FLAGS)
    running_stage.loads = 0
    return running_stage


@dataclass
class Answer:
    """What the site says at one path; a callable body writes to the socket itself."""

    body: str | bytes | Callable[[BaseHTTPRequestHandler], None] = ""
    status: int = 200
    kind: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


class Site(ThreadingHTTPServer):
    """A few answers on a free port; unknown paths are a 404, and `hits` says who was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.hits: list[str] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def target(self) -> TargetSpec:
        return TargetSpec(name="site", base_url=self.url)

    def reset(self) -> None:
        self.released.set()
        self.released = threading.Event()
        self.answers = {}
        self.hits.clear()

    def hang(self, _handler: BaseHTTPRequestHandler) -> None:
        """Hold the connection open and silent until the test is over."""
        self.released.wait(30)

    def hang_after_headers(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Content-Length", "5000")
        handler.end_headers()
        handler.wfile.write(b"<!doctype html><title>half</title><h1>Half")
        handler.wfile.flush()
        self.released.wait(30)

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        """Send one byte of a long body every now and then, until the other side hangs up."""
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not self.released.wait(0.05):
            handler.wfile.write(b"x")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a browser that hangs up is what many of these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        self.server.hits.append(path)
        answer = self.server.answers.get(path)
        if answer is None:
            answer = Answer("nothing here", 404)
        if callable(answer.body):
            answer.body(self)
            return
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        self.send_response(answer.status)
        headers = {"Content-Type": answer.kind, "Content-Length": str(len(body))}
        for name, value in (headers | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_OPTIONS = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def running_site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.serve_forever, args=(0.05,))
    thread.start()
    yield site
    site.released.set()
    site.shutdown()
    thread.join(timeout=10)
    site.server_close()


@pytest.fixture
def site(running_site: Site) -> Iterator[Site]:
    running_site.reset()
    yield running_site
    running_site.released.set()


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    runner = Runner()
    runner.warm(BrowserSpec())
    yield runner
    runner.close()


PAGE = Answer("<!doctype html><title>Site</title><h1>Site</h1><button>Go</button>")


@pytest.fixture
def next_run_works(runner: Runner, site: Site) -> Iterator[None]:
    """Whatever a test did to the runner, its next run must pass again."""
    site.answers["/"] = PAGE
    yield
    site.answers["/"] = PAGE
    run = runner.execute(job("opens", site.target, {"see": "Site"}))
    assert (run.outcome, run.reason) == (Outcome.PASSED, "")


def job(
    journey: str,
    target: TargetSpec,
    params: dict[str, Any] | None = None,
    *,
    timeout_s: float = 10,
    probe: dict[str, Any] | None = None,
    **more: Any,
) -> Job:
    """Make a job of one of the shipped journeys or of `walks`."""
    spec = JourneyProbe(
        name="probe",
        target=target.name,
        journey=journey,
        params=params or {},
        timeout_s=timeout_s,
        **(probe or {}),
    )
    return Job(
        spec,
        target,
        "local",
        more.pop("purpose", Purpose.SCHEDULED),
        journeys_folder=WALKS,
        **more,
    )


def closed_port() -> int:
    """A port of the loopback on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def uplink_at(url: str) -> UplinkSpec:
    return UplinkSpec(urls=(url,), timeout_s=0.5)


def marked(owner: str) -> list[psutil.Process]:
    """Processes that carry an owner's mark, or descend from one that does."""
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        try:
            if process.environ().get("TRIPFLAG_OWNER") == owner:
                found |= {process, *process.children(recursive=True)}
        except psutil.Error:
            continue
    return [each for each in found if _lives(each)]


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def wait_until(true: Callable[[], Any], within_s: float = 10) -> Any:
    """Return the first truthy answer; fail where none comes in time."""
    until = time.monotonic() + within_s
    while not (answer := true()):
        assert time.monotonic() < until, f"not within {within_s} s"
        threading.Event().wait(0.02)
    return answer


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bare:
    return Bare(tmp_path, monkeypatch)
