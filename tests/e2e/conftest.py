"""Real daemons on a real stage."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import requests

from daemon.demo import DEMO, FLAGS
from daemon.stage import stage_process
from flags.model import Flag
from flags.stores.sql import SqlFlagStore
from flags.switch import Switch
from probes.orphans import OWNER


def wait_for(what: str, holds: Callable[[], object], within_s: float = 60) -> object:
    """Poll until something is true; fail with its name at the deadline."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if found := holds():
            return found
        time.sleep(0.05)
    return pytest.fail(f"not within {within_s:g} s: {what}")


class World:
    """A stage, a flag store and the environment of a daemon that watches them."""

    def __init__(self, folder: Path, stage_url: str) -> None:
        self.folder = folder
        self.stage_url = stage_url
        self.flags_url = f"sqlite:///{folder / 'flags.sqlite'}"
        self.journal = folder / "journal.sqlite"
        self.env = {
            **os.environ,
            "TRIPFLAG_STAGE_URL": stage_url,
            "TRIPFLAG_STATE_DIR": str(folder),
            "TRIPFLAG_WEB_PORT": "0",
        }

    def fault(self, name: str) -> None:
        """Switch one fault on."""
        self._post("fault", {"fault": name, "on": True})

    def mend(self) -> None:
        """Switch every fault off."""
        self._post("mend", {})

    def flag(self, name: str) -> Flag:
        """Read a flag from the store, past the daemon."""
        store = SqlFlagStore(self.flags_url)
        try:
            return Switch(store).flag(name)
        finally:
            store.close()

    def processes(self) -> list[psutil.Process]:
        """Every live process that a daemon on this journal started."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get(OWNER) == str(self.journal)
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def _post(self, what: str, body: dict[str, object]) -> None:
        answer = requests.post(f"{self.stage_url}/stage/{what}", json=body, timeout=5)
        assert answer.status_code == 200, answer.text


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    """Make the flags and start the stage on them."""
    flags_url = f"sqlite:///{folder / 'flags.sqlite'}"
    store = SqlFlagStore(flags_url)
    store.create_tables()
    for name, is_on in FLAGS.items():
        store.create(name, is_on)
    store.close()
    with stage_process(flags_url, 0) as url:
        yield World(folder, url)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world of the test's own."""
    with a_world(tmp_path) as made:
        yield made


class Process:
    """A real `tripflag up`, with its log in a file."""

    def __init__(self, world: World, config: Path = DEMO) -> None:
        self.world = world
        self._log = world.folder / f"daemon-{time.monotonic_ns()}.log"
        with self._log.open("wb") as log:
            self.popen = subprocess.Popen(
                (sys.executable, "-m", "daemon.cli", "up", str(config)),
                env=world.env,
                stderr=log,
                stdout=log,
            )

    @property
    def log(self) -> str:
        """Everything it has logged so far."""
        return self._log.read_text()

    def started(self) -> "Process":
        """Wait until it serves."""
        wait_for(f"the daemon starts: {self.log}", lambda: '"started"' in self.log, 30)
        return self

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.popen.send_signal(number)

    def ended(self, within_s: float = 30) -> int:
        """Wait for its end and return its exit code."""
        return self.popen.wait(within_s)

    def url(self) -> str:
        """Address of its API, from its own log."""
        line = next(line for line in self.log.splitlines() if '"started"' in line)
        return line.split('"web": "')[1].split('"')[0]


@pytest.fixture
def run_daemon(world: World) -> Iterator[Callable[..., Process]]:
    """Start daemons on the world; each is killed at the end, with all that it left."""
    with ExitStack() as stack:

        def start(config: Path = DEMO) -> Process:
            process = Process(world, config)
            stack.callback(_end, process)
            return process

        yield start
    for left in world.processes():
        with suppress(psutil.NoSuchProcess):
            left.kill()


def _end(process: Process) -> None:
    if process.popen.poll() is None:
        process.popen.kill()
        process.popen.wait(10)
