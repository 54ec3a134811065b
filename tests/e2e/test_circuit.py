"""A circuit of a real daemon, judged by real requests to a real server."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.conftest import Process, World, wait_for

pytestmark = [pytest.mark.process]

CONFIG = """
targets:
  assessment: {base_url: URL}
probes:
  assessment_api: {kind: request, target: assessment, interval_s: 0.5, timeout_s: 0.4}
circuits:
  assessment_api: {probe: assessment_api, window_s: 10, min_runs: 2, timeout_s: 1}
store: {url: "sqlite:///${TRIPFLAG_STATE_DIR}/flags.sqlite"}
journal: {path: "${TRIPFLAG_STATE_DIR}/journal.sqlite"}
web: {port: 0}
"""


class Backend:
    """Answers 200, or 503 while it is broken."""

    def __init__(self) -> None:
        backend = self
        self.broken = False

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(503 if backend.broken else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def backend() -> Iterator[Backend]:
    made = Backend()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(10)


def circuit(daemon: Process) -> dict[str, Any]:
    answer = requests.get(f"{daemon.url()}/api/v1/circuits/assessment_api", timeout=5)
    found: dict[str, Any] = answer.json()
    return found


def goes_round(daemon: Process) -> bool:
    """What an application reads."""
    url = f"{daemon.url()}/ofrep/v1/evaluate/flags/circuit.assessment_api"
    return bool(requests.post(url, json={"context": {}}, timeout=5).json()["value"])


def ask(daemon: Process, verb: str) -> None:
    url = f"{daemon.url()}/api/v1/circuits/assessment_api/{verb}"
    assert requests.post(url, json={"reason": "rehearsal"}, timeout=5).status_code == 200


def test_a_circuit_opens_survives_kill_9_is_tried_and_closes(
    world: World, run_daemon: Callable[..., Process], backend: Backend, tmp_path: Path
) -> None:
    file = tmp_path / "circuit.yaml"
    file.write_text(CONFIG.replace("URL", backend.url))
    first = run_daemon(file).started()
    wait_for("its probe passes", lambda: circuit(first)["runs"] >= 1)
    assert not goes_round(first)

    backend.broken = True
    wait_for("applications go round it", lambda: goes_round(first))
    assert "failed" in circuit(first)["why"]
    wait_for("a trial failed", lambda: circuit(first)["openings"] >= 2)
    ask(first, "open")
    first.signal(signal.SIGKILL)
    first.ended()

    backend.broken = False
    second = run_daemon(file).started()
    assert goes_round(second)
    wait_for("its probe passes", lambda: circuit(second)["failure_share"] == 0)
    assert circuit(second)["phase"] == "open"
    assert [keeper["by"] for keeper in circuit(second)["kept_open_by"]] == ["operator"]
    ask(second, "close")
    wait_for("its probe closes it", lambda: circuit(second)["phase"] == "closed")
    assert not goes_round(second)
    metrics = requests.get(f"{second.url()}/metrics", timeout=5).text
    assert 'tripflag_circuit_state{circuit="assessment_api",state="closed"} 1.0' in metrics
