"""The app on a real socket: waitress, stoppable from any thread."""

from __future__ import annotations

import errno
import socket
import time
from contextlib import suppress
from threading import Event, Lock
from typing import Any

import waitress
from flask import Flask
from waitress import wasyncore

#: Half of them may be held by streams (`flags.ofrep`, `web.api.events`); the rest is room for some
#: dashboards whose flag store hangs, and still for `/healthz`.
THREADS = 16
TAKEN_IN = 1024 * 1024
#: Answers under way at the end may take so long to leave.
FLUSH_S = 2.0
STOP_WITHIN_S = 10.0

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - shown, not bound


class WebError(Exception):
    """The web cannot listen: what, why, and the remedy. Nothing was started."""


class WebServer:
    """A bound socket; `run()` serves until `close()`, which any thread may call."""

    def __init__(self, app: Flask, listener: socket.socket) -> None:
        self._map: dict[int, Any] = {}
        self._server = waitress.create_server(
            app,
            map=self._map,
            sockets=[listener],
            threads=THREADS,
            ident=None,
            # Waitress takes in a whole body before the app may refuse it; its default is 1 GiB.
            max_request_body_size=TAKEN_IN,
        )
        host, self.port = listener.getsockname()[:2]
        shown = _WILDCARDS.get(host, host)
        self.url = (
            f"http://[{shown}]:{self.port}" if ":" in shown else f"http://{shown}:{self.port}"
        )
        self._lock = Lock()
        self._running = False
        self._closing = Event()
        self._closed = Event()

    def run(self) -> None:
        """Serve; returns after `close()`, with every thread and socket released."""
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
        """Finish the answers under way and stop serving; a second call does nothing."""
        with self._lock:
            first = not self._closing.is_set()
            self._closing.set()
            running = self._running
            if first and running:
                # The loop also looks once a second: it may have ended, and closed the trigger.
                with suppress(OSError):
                    self._server.trigger.pull_trigger()
        if running:
            self._closed.wait(STOP_WITHIN_S)
        elif first:
            self._release()

    def _release(self) -> None:
        self._server.accepting = False
        self._server.task_dispatcher.shutdown()
        # Workers only fill buffers; the loop is what sends them. Without this, the answer to a
        # trip that was carried out while we stop would be lost.
        until = time.monotonic() + FLUSH_S
        while self._unsent() and time.monotonic() < until:
            wasyncore.loop(timeout=0.1, use_poll=True, map=self._map, count=1)
        wasyncore.close_all(self._map)
        self._closed.set()

    def _unsent(self) -> bool:
        return any(getattr(channel, "total_outbufs_len", 0) for channel in self._map.values())


def serve(app: Flask, host: str, port: int) -> WebServer:
    """Bind the app; port 0 takes any free one, and `.url` says which.

    Raises:
        WebError: the address cannot be bound; nothing was started.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as cause:
        raise WebError(_why(cause, host, port)) from cause
    return WebServer(app, listener)


def _why(cause: Exception, host: str, port: int) -> str:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    code = getattr(cause, "errno", None)
    if code == errno.EADDRINUSE:
        return f"{where} is in use: set web.port or stop the other"
    if code in (errno.EACCES, errno.EPERM):
        return f"{where} is not allowed to this user: set web.port to 1024 or above"
    return f"cannot listen on {where} ({cause}): set web.host to an address of this machine"
