"""The stage on a real socket: waitress, stoppable from any thread, with room for hung requests."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Event, Lock
from typing import Any

import waitress
from flask import Flask
from waitress import wasyncore

from probes.stage.app import faults_of
from probes.stage.faults import MAX_WAITING
from probes.stage.presence import SOCKET

# Eight more than may hang at once, so that the panel and `POST /stage/mend` always get through.
THREADS = MAX_WAITING + 8
STOP_WITHIN_S = 10.0


class StageServer:
    """A bound socket and its threads; `run()` serves until `close()`."""

    def __init__(self, app: Flask, listener: socket.socket) -> None:
        self._faults = faults_of(app)
        self._map: dict[int, Any] = {}
        self._app = app
        self._server = waitress.create_server(
            self._answer,
            map=self._map,
            sockets=[listener],
            threads=THREADS,
            ident=None,
            # Without look-ahead waitress cannot tell that a browser has hung up.
            channel_request_lookahead=1,
        )
        host, port = listener.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._lock = Lock()
        self._running = False
        self._closing = Event()
        self._closed = Event()

    def run(self) -> None:
        """Serve; returns when `close()` was called, with every thread and socket released."""
        with self._lock:
            if self._closing.is_set():
                return
            self._running = True
        try:
            while not self._closing.is_set():
                wasyncore.loop(timeout=1, use_poll=True, map=self._map, count=1)
        finally:
            self._closing.set()
            self._release()

    def close(self) -> None:
        """Free hung requests and stop serving; a second call does nothing."""
        with self._lock:
            if not self._closing.is_set():
                self._closing.set()
                if self._running:
                    # The loop also looks once a second: it may have ended, and closed the trigger.
                    with suppress(OSError):
                        self._server.trigger.pull_trigger()
            running = self._running
        self._faults.close()
        if running:
            self._closed.wait(STOP_WITHIN_S)
        elif not self._closed.is_set():
            self._release()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Any:
        peer = (environ["REMOTE_ADDR"], int(environ["REMOTE_PORT"]))

        def connection() -> socket.socket | None:
            channels = list(self._server.active_channels.values())
            return next((each.socket for each in channels if each.addr[:2] == peer), None)

        environ[SOCKET] = connection
        return self._app(environ, start_response)

    def _release(self) -> None:
        self._faults.close()
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(self._map)
        self._closed.set()


def serve(app: Flask, host: str = "127.0.0.1", port: int = 0) -> StageServer:
    """Bind the stage; port 0 takes any free one, and `.url` says which.

    Raises:
        OSError: the address cannot be bound, for example because the port is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return StageServer(app, socket.create_server((host, port), family=family))
