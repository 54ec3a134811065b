"""A server that answers as it is told, and what the tests of the API share."""

from __future__ import annotations

import http.server
import itertools
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from flags.model import (
    Gates,
)
from flags.stores.flipper_api import FlipperApiFlagStore
from tests.flags.api import FlipperApi

FLAG = "representative_status_enabled"
TIMEOUT_S = 0.5


def rows(server: FlipperApi, name: str = FLAG) -> Gates:
    """What is in the application's own table."""
    query = "SELECT key, value FROM flipper_gates WHERE feature_key = ?"
    with closing(sqlite3.connect(server.database)) as connection:
        return Gates.of(*connection.execute(query, (name,)).fetchall())


class Canned:
    """A server that gives the same answers one after the other, and keeps what it was asked."""

    def __init__(self, *answers: tuple[int, str, str]) -> None:
        asked: list[tuple[str, str, dict[str, str]]] = []
        given = itertools.chain(answers, itertools.repeat(answers[-1]))

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                headers = {key.lower(): value for key, value in self.headers.items()}
                asked.append((self.command, self.path, headers))
                self.rfile.read(int(headers.get("content-length", 0)))
                status, kind, text = next(given)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                if status == 302:
                    self.send_header("Location", f"{self.path}/elsewhere")
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.asked = asked
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._http.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator[FlipperApiFlagStore]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        store = FlipperApiFlagStore(self.base_url, TIMEOUT_S, token="sesame")
        try:
            yield store
        finally:
            store.close()
            self._http.shutdown()
            thread.join()
            self._http.server_close()


def feature(name: str = FLAG, **gates: object) -> tuple[int, str, str]:
    listed = [{"key": key, "name": key, "value": value} for key, value in gates.items()]
    text = json.dumps({"key": name, "state": "off", "gates": listed})
    return 200, "application/json", text
