"""The desk over 10^4, 10^5 and 10^6 stored runs, in turn; and the metrics of 1,000 probes.

The history grows backwards at one pace, as it does in life: what is recent is as dense in each.
"""

from __future__ import annotations

import multiprocessing
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import requests
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.table import Table

from config.load import load
from config.schema import Config
from daemon.demo import DEMO, FLAGS
from daemon.engine import Engine
from daemon.journal import Journal
from daemon.metrics import Metrics
from daemon.web import Desk, create_app, serve
from flags.stores.sql import SqlFlagStore
from flags.switch import Switch
from probes.model import Exposure, FailedRequest, Outcome, Purpose, Run, Step, Vitals

SIZES = (10_000, 100_000, 1_000_000)
#: A month of runs in the biggest one.
PACE_S = 2.6
ROUNDS = 25
PROBES = 1_000
#: One in so many runs failed, could not judge, was skipped.
RARE = {Outcome.FAILED: 20, Outcome.ERROR: 100, Outcome.SKIPPED: 33}
ASKED = {
    "overview page": "/",
    "overview, API": "/api/v1/overview",
    "guard page": "/guards/representative_status",
    "probe page, 24 h": "/probes/widget_signed_out?window=24h",
    "runs, API, failed": "/api/v1/runs?outcome=failed&limit=50",
    "runs page": "/runs",
    "metrics": "/metrics",
}


def run(out: Console, folder: Path) -> None:
    """Print how long each page takes over each size, and what 1,000 probes' metrics take."""
    took: dict[str, dict[int, list[float]]] = {name: {} for name in ASKED}
    with ExitStack() as stack:
        urls: dict[int, str] = {}
        for size in SIZES:
            began = time.perf_counter()
            urls[size] = stack.enter_context(_served(folder / str(size), size))
            out.print(f"{size:,} runs stored and served after {time.perf_counter() - began:.0f} s")
        with requests.Session() as session:
            for path in ASKED.values():
                for url in urls.values():
                    _timed(session, url + path)  # warms what the first answer must compile
            for _ in range(ROUNDS):
                for name, path in ASKED.items():
                    for size, url in urls.items():
                        took[name].setdefault(size, []).append(_timed(session, url + path))
    table = Table(
        "asked", *(f"{size:,} runs: p50, p95 ms" for size in SIZES), "p50 of most / least"
    )
    for name, sizes in took.items():
        cells = [f"{statistics.median(ms):.0f}, {_p95(ms):.0f}" for ms in sizes.values()]
        ratio = statistics.median(sizes[SIZES[-1]]) / statistics.median(sizes[SIZES[0]])
        table.add_row(name, *cells, f"{ratio:.2f}")
    out.print(table)
    many = [_exposed(metrics) for metrics in [_of_many_probes()] for _ in range(ROUNDS)]
    text = f"{PROBES:,} probes: p50 {statistics.median(many):.0f} ms, p95 {_p95(many):.0f} ms"
    out.print(f"/metrics with {text}", highlight=False)


@contextmanager
def _served(folder: Path, runs: int) -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, folder, runs))
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection, folder: Path, runs: int) -> None:
    """Serve a desk over so many runs, in a process of its own."""
    folder.mkdir()
    env = {"TRIPFLAG_STAGE_URL": "http://127.0.0.1:1", "TRIPFLAG_STATE_DIR": str(folder)}
    config = load(DEMO, env)
    store = SqlFlagStore(config.store.url)
    store.create_tables()
    for name, is_on in FLAGS.items():
        store.create(name, is_on)
    journal = Journal(config.journal.path)
    _fill(config, runs)
    metrics = Metrics(CollectorRegistry(), config.metrics.duration_buckets_s)
    engine = Engine(config, journal, Switch(store), metrics, lambda _order: None)
    engine.start()
    engine.poll_flags()
    # So that the guards' latest judgement, and the metrics, are of now.
    for probe in ("widget_signed_out", "assessment", "page"):
        engine.take_run(replace(_run(config, probe, Outcome.PASSED), id=f"last-{probe}"))
    desk = Desk(
        engine=engine,
        journal=journal,
        switch=Switch(store),
        run_now=lambda _probe: (),
        problems=dict,
        alive=lambda: True,
    )
    server = serve(create_app(desk), "127.0.0.1", 0)
    pipe.send(server.port)
    server.run()


def _fill(config: Config, runs: int) -> None:
    """Write runs as the engine would, past it: through it, a million would take an hour."""
    now = datetime.now(UTC)
    probes = [name for name, probe in config.probes.items() if probe.interval_s is not None]
    templates = {
        (probe, outcome): _run(config, probe, outcome).to_json()
        for probe in probes
        for outcome in Outcome
    }
    sample = _run(config, probes[0], Outcome.PASSED)
    old_id, old_at = sample.id, sample.started_at.isoformat()

    def rows() -> Iterator[tuple[str, str, str, str, str, float, str, str]]:
        for number in range(runs):
            probe = probes[number % len(probes)]
            turn = number // len(probes) + 1
            outcome = next((each for each, n in RARE.items() if turn % n == 0), Outcome.PASSED)
            at = (now - timedelta(seconds=(runs - number) * PACE_S)).isoformat(
                timespec="microseconds"
            )
            run_id = f"{number:032x}"
            doc = templates[probe, outcome].replace(old_id, run_id).replace(old_at, at)
            yield run_id, probe, "local", "scheduled", at, 1.0 + turn % 7 / 10, outcome.value, doc

    with sqlite3.connect(config.journal.path) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.executemany(
            "INSERT INTO runs (id, probe, location, purpose, started_at, duration_s, outcome, doc)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows(),
        )
    db.close()


def _run(config: Config, probe: str, outcome: Outcome) -> Run:
    failed = outcome is Outcome.FAILED
    return Run(
        id="f" * 32,
        probe=probe,
        location=config.probes[probe].locations[0],
        purpose=Purpose.SCHEDULED,
        started_at=datetime.now(UTC).replace(microsecond=123_456),
        duration_s=1.25,
        outcome=outcome,
        reason="" if outcome is Outcome.PASSED else "the mount node shows an error alert: HTTP 500",
        steps=tuple(
            Step(name, outcome if name == "see the widget" else Outcome.PASSED, 0.31)
            for name in ("open the page", "read the toggles", "see the widget", "look round")
        ),
        exposure=Exposure("representative_status_enabled", True, rendered=True),
        vitals=Vitals(ttfb_s=0.041, fcp_s=0.2, lcp_s=0.31, cls=0.01, inp_s=0.05, tbt_s=0.1),
        console_errors=("TypeError: value of undefined",) if failed else (),
        failed_requests=(FailedRequest("GET", "http://va.test/v0/poa", 500),) if failed else (),
        browser="HeadlessChrome/156.0",
    )


def _of_many_probes() -> Metrics:
    """Fill a registry as a daemon with so many probes does within its first minute."""
    env = {"TRIPFLAG_STAGE_URL": "http://127.0.0.1:1", "TRIPFLAG_STATE_DIR": "unused"}
    config = load(DEMO, env)
    metrics = Metrics(CollectorRegistry(), config.metrics.duration_buckets_s)
    for number in range(PROBES):
        run = _run(config, "widget_signed_out", Outcome.PASSED)
        metrics.probes.expect(f"probe_{number}", ("local",))
        metrics.probes.came_in(replace(run, probe=f"probe_{number}"), "http://va.test")
    return metrics


def _exposed(metrics: Metrics) -> float:
    began = time.perf_counter()
    metrics.exposition()
    return (time.perf_counter() - began) * 1000


def _timed(session: requests.Session, url: str) -> float:
    began = time.perf_counter()
    answer = session.get(url, timeout=60)
    took_ms = (time.perf_counter() - began) * 1000
    assert answer.status_code == 200, f"{url}: {answer.status_code} {answer.text[:300]}"
    return took_ms


def _p95(took_ms: list[float]) -> float:
    return statistics.quantiles(took_ms, n=20)[-1]
