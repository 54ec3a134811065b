"""A room whose guards were tripped by real runs, in a real browser, on the hostile corner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import requests
from prometheus_client import CollectorRegistry

from config.schema import Config
from daemon.engine import Engine
from daemon.journal import Journal
from daemon.metrics import Metrics
from flags.model import FlagError, Gates
from flags.stores.sql import SqlFlagStore
from flags.switch import Switch
from probes.model import Purpose, Run
from probes.runner import Job, Runner
from probes.stage.app import create_app
from probes.stage.server import serve
from tests.hostile.corpus import CORPUS, HARMLESS, Hostile
from tests.web.conftest import Room

JOURNEYS = Path(__file__).parent / "journeys"
CORNER = "/stage/hostile/"
#: So many texts go into one look of axe: it keeps at most 50 violations.
CROWD = 20


@dataclass(frozen=True, slots=True)
class Spot:
    """Where one text stands: everything of its own in a room is numbered alike."""

    number: int
    hostile: Hostile

    @property
    def guard(self) -> str:
        return f"guard_{self.number}"

    @property
    def probe(self) -> str:
        return f"probe_{self.number}"

    @property
    def control(self) -> str:
        return f"control_{self.number}"

    @property
    def flag(self) -> str:
        return f"flag_{self.number}"


SPOTS = tuple(Spot(number, each) for number, each in enumerate((*HARMLESS, *CORPUS)))


@dataclass
class Ground:
    """The room, the stage that it watches, and the runs of each spot."""

    room: Room
    stage: str
    runner: Runner
    runs: dict[Spot, list[Run]] = field(default_factory=dict)
    incidents: dict[Spot, str] = field(default_factory=dict)
    crowds: list[Run] = field(default_factory=list)
    logged: list[dict[str, object]] = field(default_factory=list)
    strange_flags: list[str] = field(default_factory=list)

    def plant(self, *texts: Hostile) -> None:
        """Let the stage send these."""
        order = {"texts": [each.order for each in texts]}
        # Not `json=`: it would refuse halves of characters, which JSON can say.
        answer = requests.post(
            self.stage + CORNER,
            data=json.dumps(order),
            headers={"Content-Type": "application/json"},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text

    def walk(self, probe: str, purpose: Purpose = Purpose.SCHEDULED, **more: Any) -> Run:
        """Walk a probe as the daemon does."""
        spec, config = self.room.config.probes[probe], self.room.config
        job = Job(
            spec.model_copy(update=more.pop("spec", {})),
            config.targets[spec.target],
            "local",
            purpose,
            browser=config.browser,
            artifacts=config.journal.artifacts_folder,
            journeys_folder=JOURNEYS,
            **more,
        )
        return self.runner.execute(job)

    def trip(self, spot: Spot, control: Run) -> None:
        """Let the spot's guard decide, and act, because of its text."""
        self.plant(spot.hostile)
        bad = self.walk(spot.probe)
        said = [self.walk("said" if spot.number % 2 else "number")]
        runs = [
            bad,
            again(control, Purpose.CONTROL, probe=spot.control),
            again(bad, Purpose.CONFIRM),
        ]
        for run in (*runs, *said):
            self.room.engine.take_run(run)
        self.room.engine.apply_pending()
        self.runs[spot] = [*runs, *said]
        incident = self.room.engine.state(spot.guard).incident
        assert incident is not None, f"{spot.hostile.name} did not trip its guard: {bad.reason}"
        self.incidents[spot] = incident.id

    def write_past_us(self, spot: Spot) -> None:
        """Let a stranger put the text into the store, as a flag's name and an actor's."""
        name = spot.hostile.whole[:100]
        store = self.room.store
        with suppress(FlagError, ValueError):  # what a database does not take cannot come from it
            store.create(name)
            store.replace_gates(name, Gates.of(("actors", name), ("expression", name)))
            self.strange_flags.append(name)
            if spot.number % 4 == 0:  # each such drift is told to a guard, which takes its time
                store.replace_gates(spot.flag, Gates.of(("actors", name)))


def again(run: Run, purpose: Purpose, **more: Any) -> Run:
    """Return a run as if it was walked once more, now."""
    id_ = f"{run.id[:20]}-{datetime.now(UTC).timestamp():.6f}"
    return replace(run, id=id_, purpose=purpose, started_at=datetime.now(UTC), **more)


def config_for(folder: Path, stage: str) -> Config:
    """One guard, probe and flag per spot; one proof for all."""
    walk = {"target": "stage", "journey": "hostile", "timeout_s": 30}
    calm = {**walk, "journey": "harmless", "interval_s": None, "params": {"flag": "none"}}
    probes: dict[str, Any] = {
        "proof": calm,
        "said": {
            "kind": "request",
            "target": "stage",
            "path": f"{CORNER}json",
            "json_expect": [{"path": "$.said", "equals": "all is well"}],
        },
        "number": {"kind": "promql", "target": "corner", "query": "vector(1)"},
    }
    guards: dict[str, Any] = {}
    for spot in SPOTS:
        ends = "as expected" if spot.number % 2 else "badly"
        probes[spot.probe] = {**walk, "params": {"flag": spot.flag, "ends": ends}}
        probes[spot.control] = calm  # shared, each run of it would be told to every guard
        guards[spot.guard] = {
            "flag": spot.flag,
            "mode": "enforce",
            "probes": [spot.probe],
            "control": spot.control,
            "proof": "proof",
            "confirmations": 1,
            "hard_confirmations": 1,
            "rules": [{"rule": "consecutive_failures", "limit": 1}],
        }
    return Config.model_validate(
        {
            "targets": {
                "stage": {"base_url": stage},
                "corner": {"base_url": f"{stage}{CORNER.rstrip('/')}"},
            },
            "probes": probes,
            "guards": guards,
            "circuits": {"corner": {"probe": "said", "min_runs": 1}},
            "store": {"url": f"sqlite:///{folder}/flags.sqlite"},
            "journal": {"path": folder / "journal.sqlite"},
            "web": {"status_page": True},
        }
    )


@contextmanager
def a_stage(store: SqlFlagStore) -> Iterator[str]:
    """Serve the stage on a free port, with the store's flags."""
    app = create_app(lambda _actor: {flag.name: flag.exposing for flag in store.flags()})
    server = serve(app, "127.0.0.1", 0)
    thread = Thread(target=server.run)
    thread.start()
    try:
        yield server.url
    finally:
        server.close()
        thread.join(15)
        assert not thread.is_alive()


@contextmanager
def a_ground(folder: Path) -> Iterator[Ground]:
    """Build it, and let every spot's guard trip."""
    with ExitStack() as stack:
        store = SqlFlagStore(f"sqlite:///{folder}/flags.sqlite", timeout_s=5)
        stack.callback(store.close)
        store.create_tables()
        for spot in SPOTS:
            store.create(spot.flag, is_enabled=True)
        config = config_for(folder, stack.enter_context(a_stage(store)))
        journal = Journal(config.journal.path)
        stack.callback(journal.close)
        registry = CollectorRegistry()
        metrics = Metrics(registry, config.metrics.duration_buckets_s)
        engine = Engine(config, journal, Switch(store), metrics, lambda _order: None)
        engine.start()
        engine.poll_flags()
        room = Room(config, journal, store, engine, registry, [])
        # The runner drives its own Playwright, which wants a thread without another one.
        with ThreadPoolExecutor(1) as thread:
            ground = Ground(room, config.targets["stage"].base_url, Runner())
            try:
                thread.submit(_happen, ground).result()
            finally:
                thread.submit(ground.runner.close).result()
        yield ground


def _happen(ground: Ground) -> None:
    control = ground.walk("proof")
    for spot in SPOTS:
        ground.trip(spot, control)
    params = {"flag": SPOTS[0].flag, "ends": "well"}
    for first in range(0, len(SPOTS), CROWD):
        ground.plant(*(each.hostile for each in SPOTS[first : first + CROWD]))
        spec = {"accessibility": True, "params": params}
        crowd = ground.walk(SPOTS[0].probe, Purpose.MANUAL, spec=spec)
        ground.room.engine.take_run(crowd)
        ground.crowds.append(crowd)
