"""What the daemon of a scene watches: a stage, its flags, and a Prometheus that tells of it."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack
from pathlib import Path

import requests

from daemon.demo import FLAGS
from daemon.guard.messages import Rows
from daemon.stage import stage_process
from flags.model import Gates, UnknownFlag
from flags.stores.sql import SqlFlagStore
from flags.switch import Switch
from probes.stage.faults import Fault
from probes.stage.metrics import METRICS
from tests.faults.variants import FALLBACK, Variant
from tests.servers import Prometheus


class Target:
    """Everything that breaks or is changed behind the daemon's back."""

    def __init__(self, folder: Path, variant: Variant, flags_url: str | None = None) -> None:
        self.flags_url = flags_url or f"sqlite:///{folder / 'flags.sqlite'}"
        self._store = SqlFlagStore(self.flags_url)
        self._store.create_tables()
        for name, is_on in {**FLAGS, FALLBACK: False}.items():
            self._store.create(name, is_on)
        self._lock: sqlite3.Connection | None = None
        self._stage = ExitStack()
        self.url = self._stage.enter_context(stage_process(self.flags_url, 0))
        self._port = int(self.url.rsplit(":", 1)[1])
        self._prometheus: Prometheus | None = None
        if variant is Variant.PROMQL:
            self._prometheus = Prometheus(folder, (f"127.0.0.1:{self._port}", METRICS))
            self._prometheus.start()

    @property
    def env(self) -> dict[str, str]:
        """What a configuration must know of it."""
        told = {"TRIPFLAG_FLAGS_URL": self.flags_url}
        if self._prometheus is not None:
            told["TRIPFLAG_PROMETHEUS_URL"] = self._prometheus.url
        return told

    # --- the stage --------------------------------------------------------------------------

    def switch(self, fault: Fault, *, on: bool, delay_s: float | None = None) -> None:
        """Turn one fault of the stage on or off."""
        body = {"fault": fault, "on": on} | ({} if delay_s is None else {"delay_s": delay_s})
        answer = requests.post(f"{self.url}/stage/fault", json=body, timeout=5)
        assert answer.status_code == 200, answer.text

    def stop_stage(self) -> None:
        self._stage.close()

    def start_stage(self) -> None:
        self._stage.enter_context(stage_process(self.flags_url, self._port))

    def stop_prometheus(self) -> None:
        assert self._prometheus is not None, "this variant has none"
        self._prometheus.stop()

    # --- flags ------------------------------------------------------------------------------

    def write(self, flag: str, rows: Rows) -> None:
        """Write a flag's gates past the daemon, and make the flag where it is gone."""
        self._store.create(flag)
        self._store.replace_gates(flag, Gates.of(*rows))

    def delete(self, flag: str) -> None:
        self._store.delete(flag)

    def gates(self, flag: str) -> Rows | None:
        """Read a flag's gates past the daemon; None where there is no such flag."""
        try:
            return Switch(self._store).flag(flag).gates.rows
        except UnknownFlag:
            return None

    def lock_flags(self) -> None:
        """Hold SQLite's one lock for writers."""
        path = self.flags_url.removeprefix("sqlite:///")
        self._lock = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._lock.execute("BEGIN IMMEDIATE")

    def unlock_flags(self) -> None:
        if self._lock is not None:
            self._lock.execute("ROLLBACK")
            self._lock.close()
            self._lock = None

    # --- the end ----------------------------------------------------------------------------

    def mend(self) -> None:
        """Bring back whatever is gone, and end every fault."""
        self.unlock_flags()
        if self._prometheus is not None:
            self._prometheus.start()
        try:
            requests.post(f"{self.url}/stage/mend", json={}, timeout=5).raise_for_status()
        except requests.ConnectionError:
            self.start_stage()

    def close(self) -> None:
        """End everything that was started."""
        self.unlock_flags()
        self._stage.close()
        if self._prometheus is not None:
            self._prometheus.stop()
        self._store.close()
