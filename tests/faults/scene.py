"""Where scenarios happen: a stage, its flags, and a real daemon that watches them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
import requests

from config.load import load
from daemon.guard import Phase
from daemon.guard.messages import Rows
from flags.model import Gates
from probes.model import Outcome
from tests.e2e.conftest import Process, World
from tests.faults.reading import Reading
from tests.faults.target import Target
from tests.faults.variants import Variant, config_of

#: Longest until everything is healthy again after a scenario.
CALM_S = 45.0
HARASS_S = 0.1
RARE_S = 300.0


class NotCalm(Exception):
    """A scene that did not become healthy; says what was still wrong."""


class Scene:
    """One variant's daemon, and the target that it watches."""

    def __init__(self, folder: Path, variant: Variant, flags_url: str | None = None) -> None:
        self.variant = variant
        self.target = Target(folder, variant, flags_url)
        self.world = World(folder, self.target.url)
        self.world.env.update(self.target.env)
        self._path = config_of(variant, folder)
        self.config = load(self._path, self.world.env)
        self.guarding = sorted({p for g in self.config.guards.values() for p in g.probes})
        #: Probes that are looked at too rarely to be waited for.
        self.rare = frozenset(
            name
            for name, probe in self.config.probes.items()
            if probe.interval_s is not None and probe.interval_s >= RARE_S
        )
        self._process: Process | None = None
        self._spared = threading.Event()
        self._harassing: threading.Thread | None = None
        self._hurried: dict[str, tuple[str, ...]] = {}
        self.start_daemon()
        self.reading = Reading(self.world.journal, self.config)

    # --- the daemon -------------------------------------------------------------------------

    @property
    def process(self) -> Process:
        assert self._process is not None, "the daemon is not running"
        return self._process

    @property
    def is_up(self) -> bool:
        """True while the daemon runs."""
        return self._process is not None

    def start_daemon(self) -> None:
        """Start it, and wait until it serves."""
        self._process = Process(self.world, self._path).started()
        self.api = self._process.url()
        self._hurried = {}

    def kill_daemon(self) -> None:
        """Kill it at once; its workers are left to themselves."""
        self.process.signal(signal.SIGKILL)
        self.process.ended()
        self._process = None

    def post(self, path: str, **body: object) -> requests.Response:
        """Ask the daemon's API for something, as an operator."""
        reasoned = body if path.endswith("/run") else {"reason": "a scenario", **body}
        answer = requests.post(f"{self.api}/api/v1/{path}", json=reasoned, timeout=10)
        if answer.status_code >= 500:
            raise AssertionError(f"{path}: {answer.status_code} {answer.text}")
        return answer

    def hurry(self, probes: list[str]) -> None:
        """Run probes anew as soon as their last hurried run came in: no waiting for a schedule."""
        for probe in probes:
            if all(self.reading.has_run(run) for run in self._hurried.get(probe, ())):
                answer = self.post(f"probes/{probe}/run")
                if answer.status_code == 202:
                    self._hurried[probe] = tuple(answer.json()["runs"])

    def processes(self) -> list[psutil.Process]:
        """Every live process below the daemon."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.popen.pid).children(recursive=True)
        return []

    def kill_workers(self) -> None:
        """Kill every worker of the pools; Chromium is another's child."""
        for child in psutil.Process(self.process.popen.pid).children():
            with suppress(psutil.NoSuchProcess):
                child.kill()

    def harass_browsers(self, *, freeze: bool = False) -> None:
        """Kill or stop Chromium again and again, until `spare_browsers`."""
        number = signal.SIGSTOP if freeze else signal.SIGKILL

        def harass() -> None:
            while not self._spared.wait(HARASS_S):
                for process in self.processes():
                    with suppress(psutil.Error):
                        if "chrom" in process.name():
                            process.send_signal(number)

        self._spared.clear()
        self._harassing = threading.Thread(target=harass, daemon=True)
        self._harassing.start()

    def spare_browsers(self) -> None:
        """Leave Chromium alone."""
        self._spared.set()
        if self._harassing is not None:
            self._harassing.join()
            self._harassing = None
            for process in self.processes():
                with suppress(psutil.Error):
                    process.send_signal(signal.SIGCONT)

    # --- calm -------------------------------------------------------------------------------

    def calm(self, flags: dict[str, Rows]) -> None:
        """Mend everything, write the flags, and wait until every guard is armed and passes.

        Raises:
            NotCalm: it did not come to that.
        """
        self.target.mend()
        if self._process is None:
            self.start_daemon()
        self.spare_browsers()
        self._hurried = {}
        for flag, rows in flags.items():
            self.target.write(flag, rows)
        since = datetime.now(UTC)
        until = time.monotonic() + CALM_S
        while wrong := self._restless(flags, since):
            if time.monotonic() > until:
                raise NotCalm(f"{self.variant}: {wrong}")
            time.sleep(0.05)

    def settle_flags(self, flags: dict[str, Rows]) -> None:
        """Write flags and wait until the daemon has seen them."""
        for flag, rows in flags.items():
            self.target.write(flag, rows)
            self.wait(
                f"{flag} is seen as {rows}",
                lambda flag=flag, rows=rows: self.reading.knows(flag, Gates.of(*rows)),
            )

    def wait(self, what: str, holds: Callable[[], bool], within_s: float = 10) -> None:
        """Poll until something holds.

        Raises:
            NotCalm: it did not in time.
        """
        until = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > until:
                raise NotCalm(f"not within {within_s:g} s: {what}")
            time.sleep(0.05)

    def _restless(self, flags: dict[str, Rows], since: datetime) -> str:
        """Say what is not yet healthy, and do what an operator would do about it."""
        self.reading.catch_up()
        for name in self.config.guards:
            state = self.reading.state(name)
            if state.held(datetime.now(UTC)):
                self.post(f"guards/{name}/release")
            fired = state.latched or state.fallback is not None
            if fired or (state.kill is not None and not state.kill.resetting):
                self.post(f"guards/{name}/reset")
        for name in self.config.circuits:
            if self.reading.circuit(name) == "open":
                self.post(f"circuits/{name}/close")
        circuits = [n for n in self.config.circuits if self.reading.circuit(n) != "closed"]
        phases = {name: self.reading.phase(name) for name in self.config.guards}
        busy = {n: p for n, p in phases.items() if p not in (Phase.ARMED, Phase.OBSERVE)}
        changed = [flag for flag, rows in flags.items() if self.target.gates(flag) != rows]
        for flag in changed:
            if not busy:
                self.target.write(flag, flags[flag])
        passed = {r.probe for r in self.reading.runs(since) if r.outcome is Outcome.PASSED}
        waited = [probe for probe in self.guarding if probe not in passed]
        trials = [self.config.circuits[name].probe for name in circuits]
        restless = bool(busy or circuits or changed or waited)
        if restless:
            self.hurry([*(self.guarding if busy else waited), *trials])
        under_way = self._under_way()
        # What we hurried would keep the workers from what a scenario measures.
        return f"{busy} {circuits} {changed} {waited} {under_way}" if restless or under_way else ""

    def _under_way(self) -> list[str]:
        """Name the probes that were hurried and whose run has not come in."""
        return [
            probe
            for probe, runs in self._hurried.items()
            if not all(self.reading.has_run(run) for run in runs)
        ]

    def close(self) -> None:
        """End everything that was started."""
        self._spared.set()
        self.reading.close()
        if self._process is not None:
            self._process.popen.kill()
            self._process.popen.wait(10)
        for left in self.world.processes():
            with suppress(psutil.NoSuchProcess):
                left.kill()
        self.target.close()


@contextmanager
def a_scene(folder: Path, variant: Variant, flags_url: str | None = None) -> Iterator[Scene]:
    """Start a variant's scene in an empty folder."""
    os.makedirs(folder, exist_ok=True)
    scene = Scene(folder, variant, flags_url)
    try:
        yield scene
    finally:
        scene.close()
