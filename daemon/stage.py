"""The embedded stage on a flag store: like vets-api, it reads the flags from the database."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from flags.gates import is_open
from flags.stores.sql import SqlFlagStore
from probes.stage.app import create_app
from probes.stage.server import serve

#: Longest wait for the stage's process to bind its port, or to end.
START_S = 20.0


class StageDied(Exception):
    """The stage's process ended before it served."""


def run_stage(flags_url: str, port: int) -> None:
    """Serve the stage until SIGTERM or the end of standard input; the first line is its address."""
    store = SqlFlagStore(flags_url)

    def read_flags(cookie_id: str | None) -> Mapping[str, bool]:
        return {flag.name: is_open(flag.name, flag.gates, cookie_id) for flag in store.flags()}

    server = serve(create_app(read_flags), "127.0.0.1", port)

    def close(*_: object) -> None:
        # On a thread of its own: `close` waits for `run`, which this handler interrupts.
        threading.Thread(target=server.close).start()

    def outlive_nobody() -> None:
        # The parent holds the other end and never writes: the end means that it is dead, killed
        # perhaps. A stage that stayed would keep the port from the next one.
        sys.stdin.read()
        server.close()

    signal.signal(signal.SIGTERM, close)
    threading.Thread(target=outlive_nobody, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the daemon's; it ends us after itself
    print(server.url, flush=True)  # noqa: T201 - how the parent learns the port
    server.run()


@contextmanager
def stage_process(flags_url: str, port: int) -> Iterator[str]:
    """Start the stage as a process of its own and yield its address.

    A process, not a thread: a site that hangs must not hang its watcher.

    Raises:
        StageDied: it did not start, for example because the port is in use.
    """
    command = (sys.executable, "-m", "daemon.stage", flags_url, str(port))
    process = subprocess.Popen(  # noqa: S603 - our own
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        url = (process.stdout.readline() if process.stdout else "").strip()
        if not url:
            raise StageDied(
                f"the stage did not start on port {port}: it is in use; give --stage-port another, "
                "or 0 for any"
            )
        yield url
    finally:
        process.terminate()
        try:
            process.wait(START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


if __name__ == "__main__":
    run_stage(sys.argv[1], int(sys.argv[2]))
