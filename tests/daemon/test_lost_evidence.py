"""A daemon whose disk is full says so where the person on call looks."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import requests

from config.load import load
from daemon.app import Daemon
from daemon.demo import DEMO
from probes.model import DISK_FULL
from tests.daemon.build import run
from tests.e2e.conftest import World

pytestmark = pytest.mark.browser  # the daemon looks for one


def test_what_a_run_lost_is_on_the_overview_of_its_daemon(tmp_path: Path) -> None:
    daemon = Daemon(load(DEMO, World(tmp_path, "http://127.0.0.1:1").env))
    daemon.engine.start()
    judging = threading.Thread(target=daemon._judge, daemon=True)
    serving = threading.Thread(target=daemon.web.run, daemon=True)
    lost = f"{DISK_FULL}: No space left on device at x"
    try:
        daemon._runs.put(run(artifact_problem=lost))
        daemon._runs.put(None)
        judging.start()
        judging.join(20)
        serving.start()
        overview = requests.get(f"{daemon.web.url}/api/v1/overview", timeout=20).json()
    finally:
        daemon.web.close()
        daemon.store.close()
        daemon.journal.close()

    assert overview["evidence_lost"]["problem"] == lost
