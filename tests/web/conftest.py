"""A real engine on a real journal and a real flag store, with the web in front of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI
from playwright.sync_api import Browser, Page, sync_playwright
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from config.schema import Config
from daemon.artifacts import Lost
from daemon.audit import AuditEntry
from daemon.engine import Engine
from daemon.guard.messages import RunProbe
from daemon.journal import Journal
from daemon.metrics import Metrics
from daemon.tables import AUDIT
from daemon.web import Desk, ProbeBusy, WebServer, create_app, serve
from daemon.web.desk import SignRuns
from flags.stores.sql import SqlFlagStore
from flags.switch import Switch
from probes.chromium import find
from probes.model import Artifact, Exposure, Outcome, Purpose, Run

GUARD = "representative_status"
FLAG = "representative_status_enabled"
VIEWER, OPERATOR = "viewer-token-0123456789", "operator-token-0123456789"
ADMIN = "admin-token-0123456789"
BOTH = {"viewer": VIEWER, "operator": OPERATOR}
JSON = {"Content-Type": "application/json"}


def config_for(folder: Path, web: dict[str, Any] | None = None, mode: str = "enforce") -> Config:
    """One guarded widget and one guarded fallback."""
    probe = {"target": "va", "journey": "representative_status", "interval_s": 60, "timeout_s": 30}
    on_demand = {**probe, "interval_s": None}
    rules = [{"rule": "consecutive_failures", "limit": 1}]
    return Config.model_validate(
        {
            "targets": {"va": {"base_url": "http://va.test"}},
            "probes": {
                "widget_signed_out": probe,
                "widget_representative": probe,
                "widget_control": on_demand,
                "widget_gone": on_demand,
                "assessment": {**probe, "journey": "assessment_flow"},
                "page": {"kind": "request", "target": "va", "path": "/help/"},
            },
            "guards": {
                GUARD: {
                    "flag": FLAG,
                    "mode": mode,
                    "probes": ["widget_signed_out", "widget_representative"],
                    "control": "widget_control",
                    "proof": "widget_gone",
                    "rules": rules,
                },
                "assessment": {
                    "flag": "assessment_fallback_enabled",
                    "act": "fallback",
                    "probes": ["assessment"],
                    "control": "widget_control",
                    "proof": "widget_gone",
                    "rules": rules,
                },
            },
            "store": {"url": f"sqlite:///{folder}/flags.sqlite"},
            "journal": {"path": folder / "journal.sqlite"},
            "web": web or {},
        }
    )


@dataclass
class Room:
    """Everything behind the web, and ways to make things happen there."""

    config: Config
    journal: Journal
    store: SqlFlagStore
    engine: Engine
    registry: CollectorRegistry
    ordered: list[RunProbe]
    problems: dict[str, str] = field(default_factory=dict)
    alive: bool = True
    busy: set[str] = field(default_factory=set)
    evidence_lost: Lost | None = None
    started: int = 0
    _starting: threading.Lock = field(default_factory=threading.Lock)

    def run_now(self, probe: str, sign: SignRuns = lambda _runs: None) -> tuple[str, ...]:
        with self._starting:  # as the scheduler does: who comes second finds it busy
            if probe in self.busy:
                raise ProbeBusy(f"{probe} is under way: wait for its run")
            runs = tuple(f"{probe}-{place}" for place in self.config.probes[probe].locations)
            sign(runs)
            self.busy.add(probe)
        return runs

    def reopen(self) -> None:
        """Die, and start anew on the same files."""
        self.journal.close()
        self.journal = Journal(self.config.journal.path)
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry, self.config.metrics.duration_buckets_s)
        switch = Switch(self.store)
        self.engine = Engine(self.config, self.journal, switch, metrics, self.ordered.append)
        self.engine.start()
        self.engine.poll_flags()

    def audited(self, subject: str = "") -> list[AuditEntry]:
        """Return the audit's rows, or those of one subject."""
        with self.journal.reading() as db:
            rows = db.execute(select(AUDIT).order_by(AUDIT.c.id)).all()
        entries = [AuditEntry(**row._mapping) for row in rows]
        return [each for each in entries if subject in ("", each.subject)]

    def desk(self) -> Desk:
        return Desk(
            engine=self.engine,
            journal=self.journal,
            switch=Switch(self.store),
            run_now=self.run_now,
            problems=lambda: self.problems,
            alive=lambda: self.alive,
            evidence_lost=lambda: self.evidence_lost,
        )

    def app(self) -> OpenAPI:
        return create_app(self.desk())

    def flag(self, name: str = FLAG) -> str:
        return Switch(self.store).flag(name).state.value

    def run(self, probe: str = "widget_signed_out", outcome: str = "passed", **more: Any) -> Run:
        """Take one run that starts now, or at `started_at`."""
        self.started += 1
        facts: dict[str, Any] = {
            "id": f"run-{self.started:04}",
            "location": "local",
            "purpose": Purpose.SCHEDULED,
            "started_at": datetime.now(UTC),
            "duration_s": 1.25,
            "exposure": Exposure(FLAG, self.flag() != "off", rendered=False),
        }
        run = Run(**{**facts, "probe": probe, "outcome": Outcome(outcome), **more})
        self.engine.take_run(run)
        return run

    def break_widget(self, reason: str = "the widget shows an error alert") -> None:
        """Everything that makes the guard decide by itself; the flip is then written."""
        self.run(outcome="failed", reason=reason)
        self.run("widget_control", purpose=Purpose.CONTROL)
        for _ in range(2):
            self.run(outcome="failed", reason=reason, purpose=Purpose.CONFIRM, hard=True)
        self.engine.apply_pending()

    def prove(self) -> None:
        """Let a fresh browser see that the widget is gone."""
        self.run("widget_gone", purpose=Purpose.PROOF)

    def keep(self, run: str, kind: str, name: str, content: bytes) -> Artifact:
        """Put evidence where a runner would."""
        file = self.config.journal.artifacts_folder / run / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return Artifact(kind, f"{run}/{name}")


Build = Callable[..., Room]
T = TypeVar("T")


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Make a room; keywords go to `config_for`."""
    opened: list[Room] = []

    def make(**keywords: Any) -> Room:
        config = config_for(tmp_path, **keywords)
        store = SqlFlagStore(config.store.url, timeout_s=1)
        store.create_tables()
        store.create(FLAG, is_enabled=True)
        store.create("assessment_fallback_enabled")
        journal = Journal(config.journal.path)
        registry = CollectorRegistry()
        metrics = Metrics(registry, config.metrics.duration_buckets_s)
        ordered: list[RunProbe] = []
        engine = Engine(config, journal, Switch(store), metrics, ordered.append)
        engine.start()
        engine.poll_flags()
        room = Room(config, journal, store, engine, registry, ordered)
        opened.append(room)
        return room

    yield make
    for room in opened:
        room.journal.close()
        room.store.close()


@pytest.fixture
def room(build: Build) -> Room:
    """No token configured."""
    return build()


@pytest.fixture
def client(room: Room) -> FlaskClient:
    return room.app().test_client()


@pytest.fixture
def locked(build: Build) -> Room:
    """Both tokens configured."""
    return build(web={"tokens": BOTH})


@pytest.fixture
def served() -> Iterator[Callable[[Room], WebServer]]:
    """Serve rooms on free ports until the test ends."""
    running: list[tuple[Room, WebServer, threading.Thread]] = []

    def start(room: Room) -> WebServer:
        server = serve(room.app(), "127.0.0.1", 0)
        thread = threading.Thread(target=server.run)
        thread.start()
        running.append((room, server, thread))
        return server

    yield start
    for room, server, thread in running:
        room.engine.news.close()  # as the daemon does: ends the streams of pages
        server.close()
        thread.join(15)
        assert not thread.is_alive()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find(config_for(Path()).browser), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@dataclass
class Look:
    """A page, and everything that it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def look(browser: Browser) -> Iterator[Look]:
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(10_000)
    page = context.new_page()
    look = Look(page)
    page.on("pageerror", lambda error: look.complaints.append(str(error)))
    page.on(
        "console",
        lambda line: look.complaints.append(line.text) if line.type == "error" else None,
    )
    yield look
    context.close()


def race(*acts: Callable[[], T]) -> list[T]:
    """Let each act begin in a thread of its own at the same moment; return what each returned."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], T]) -> T:
        start.wait(10)
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return [each.result(60) for each in [threads.submit(run, act) for act in acts]]


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
