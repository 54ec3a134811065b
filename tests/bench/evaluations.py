"""Flag evaluations beside a bare Flask route, on one server, from one client, in turn."""

from __future__ import annotations

import json
import multiprocessing
import socket
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing.connection import Connection

import psutil
from flask import Flask, Response, request
from rich.console import Console
from rich.table import Table

from daemon.web import serve
from flags.gates import flag_of
from flags.mirror import Mirror
from flags.model import Gates
from flags.ofrep import ofrep_blueprint
from flags.toggles import toggles_blueprint

#: Short and many: whatever else the machine does meanwhile then weighs on both sides of a pair.
ROUNDS = 40
REQUESTS_A_ROUND = 400
CONNECTIONS = 4
#: vets-api has about a thousand; they are off, on and rolled out in turn.
FLAGS = 1_000
GATES = (Gates(), Gates.of(("boolean", "true")), Gates.of(("percentage_of_actors", "25")))
BODY = json.dumps({"context": {"targetingKey": "7c9f3d52-61aa", "plan": "basic"}}).encode()
BARE = "bare Flask route"
PATHS = {
    BARE: "/bare",
    "a killed flag": "/ofrep/v1/evaluate/flags/flag_0000_enabled",
    "a flag that is on": "/ofrep/v1/evaluate/flags/flag_0001_enabled",
    "25 % of actors": "/ofrep/v1/evaluate/flags/flag_0002_enabled",
}
#: Ends every answer, the bare one too.
END = b'"metadata":{}}'


def _serve(pipe: Connection) -> None:
    """Serve both in a process of its own, so that the client's work does not weigh on either."""
    mirror = Mirror()
    names = (f"flag_{number:04}_enabled" for number in range(FLAGS))
    flags = (flag_of(name, GATES[number % len(GATES)]) for number, name in enumerate(names))
    mirror.take(tuple(flags), datetime.now(UTC))
    app = Flask(__name__)
    app.register_blueprint(ofrep_blueprint(mirror))
    app.register_blueprint(toggles_blueprint(mirror))
    answer = b""

    @app.post(PATHS[BARE])
    def bare() -> Response:
        request.get_data()
        return Response(answer, content_type="application/json")

    answer = app.test_client().post(PATHS["a killed flag"], data=BODY).data
    server = serve(app, "127.0.0.1", 0)
    pipe.send(server.port)
    server.run()


def _ask(port: int, path: str, times: int) -> list[float]:
    """POST again and again over one connection; return how long each took, in milliseconds."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    sent = f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    took_ms = []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(times):
            began = time.perf_counter()
            line.sendall(sent)
            got = b""
            while not got.endswith(END):
                more = line.recv(4096)
                assert more, got
                got += more
            took_ms.append((time.perf_counter() - began) * 1000)
            assert got.startswith(b"HTTP/1.1 200"), got
    return took_ms


def _round(port: int, path: str) -> tuple[float, list[float]]:
    """Return requests a second over all connections, and every latency."""
    each = REQUESTS_A_ROUND // CONNECTIONS
    began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        asked = [threads.submit(_ask, port, path, each) for _ in range(CONNECTIONS)]
        took_ms = [ms for one in asked for ms in one.result()]
    return len(took_ms) / (time.perf_counter() - began), took_ms


def run(out: Console) -> None:
    """Print evaluations a second and their 99th percentile, beside the bare route's."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()  # so that its death ends the wait
    port = ours.recv()
    server = psutil.Process(process.pid)
    names = list(PATHS)
    rates: dict[str, list[float]] = {name: [] for name in names}
    took_ms: dict[str, list[float]] = {name: [] for name in names}
    cpu_s = dict.fromkeys(names, 0.0)
    for name in names:
        _round(port, PATHS[name])  # warms it up
    for number in range(ROUNDS):
        first = number % len(names)  # who is first takes turns
        for name in names[first:] + names[:first]:
            before = server.cpu_times()
            rate, latencies = _round(port, PATHS[name])
            after = server.cpu_times()
            rates[name].append(rate)
            took_ms[name].extend(latencies)
            cpu_s[name] += after.user + after.system - before.user - before.system
    process.terminate()
    process.join()
    table = Table(
        f"{CONNECTIONS} connections", "a second", "to bare (median of pairs)", "p99, ms", "CPU, µs"
    )
    for name in names:
        latencies = sorted(took_ms[name])
        ratios = [one / bare for one, bare in zip(rates[name], rates[BARE], strict=True)]
        table.add_row(
            name,
            f"{statistics.median(rates[name]):.0f}",
            f"{statistics.median(ratios):.3f}",
            f"{latencies[int(len(latencies) * 0.99) - 1]:.2f}",
            f"{cpu_s[name] / len(latencies) * 1e6:.0f}",
        )
    out.print(table)


if __name__ == "__main__":
    run(Console())
