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

from flask import Flask, Response, request
from rich.console import Console
from rich.table import Table

from daemon.web import serve
from flags.gates import flag_of
from flags.mirror import Mirror
from flags.model import Gates
from flags.ofrep import ofrep_blueprint
from flags.toggles import toggles_blueprint

ROUNDS = 15
REQUESTS_A_ROUND = 1_000
CONNECTIONS = 4
#: vets-api has about a thousand; what is off, on and rolled out is in turn.
FLAGS = 1_000
GATES = (Gates(), Gates.of(("boolean", "true")), Gates.of(("percentage_of_actors", "25")))
TARGET = "flag_0002_enabled"  # rolled out: the dearest to evaluate
BODY = json.dumps({"context": {"targetingKey": "7c9f3d52-61aa", "plan": "basic"}}).encode()
BARE, EVALUATE = "/bare", f"/ofrep/v1/evaluate/flags/{TARGET}"


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

    @app.post(BARE)
    def bare() -> Response:
        request.get_data()
        return Response(answer, content_type="application/json")

    answer = app.test_client().post(EVALUATE, data=BODY).data
    server = serve(app, "127.0.0.1", 0)
    pipe.send((server.port, answer))
    server.run()


def _ask(port: int, path: str, times: int, expected: bytes) -> list[float]:
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
            # Both answers end with the same bytes.
            while not got.endswith(expected):
                more = line.recv(4096)
                assert more, got
                got += more
            took_ms.append((time.perf_counter() - began) * 1000)
            assert got.startswith(b"HTTP/1.1 200"), got
    return took_ms


def _round(port: int, path: str, expected: bytes) -> tuple[float, list[float]]:
    """Return requests a second over all connections, and every latency."""
    each = REQUESTS_A_ROUND // CONNECTIONS
    began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        asked = [threads.submit(_ask, port, path, each, expected) for _ in range(CONNECTIONS)]
        took_ms = [ms for one in asked for ms in one.result()]
    return len(took_ms) / (time.perf_counter() - began), took_ms


def run(out: Console) -> None:
    """Print evaluations a second and their 99th percentile, beside the bare route's."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()  # so that its death ends the wait
    port, expected = ours.recv()
    rates: dict[str, list[float]] = {BARE: [], EVALUATE: []}
    took_ms: dict[str, list[float]] = {BARE: [], EVALUATE: []}
    for number in range(ROUNDS + 1):
        # Who is first takes turns; the round before the first warms both up.
        for path in (BARE, EVALUATE) if number % 2 else (EVALUATE, BARE):
            rate, latencies = _round(port, path, expected)
            if number:
                rates[path].append(rate)
                took_ms[path].extend(latencies)
    process.terminate()
    process.join()
    table = Table(f"{CONNECTIONS} connections", "a second (median)", "median, ms", "p99, ms")
    for name, path in (("bare Flask route", BARE), ("OFREP evaluation", EVALUATE)):
        latencies = sorted(took_ms[path])
        table.add_row(
            name,
            f"{statistics.median(rates[path]):.0f}",
            f"{statistics.median(latencies):.2f}",
            f"{latencies[int(len(latencies) * 0.99) - 1]:.2f}",
        )
    out.print(table)
    ratios = [b / a for a, b in zip(rates[BARE], rates[EVALUATE], strict=True)]
    out.print(
        f"evaluations to bare requests, median of {ROUNDS} pairs: {statistics.median(ratios):.3f} "
        f"({min(ratios):.3f} to {max(ratios):.3f})",
        highlight=False,
    )


if __name__ == "__main__":
    run(Console())
