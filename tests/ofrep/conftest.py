"""Flags of a real store, mirrored and served by waitress on loopback, and clients' own code."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import playwright
import pytest
import requests
from flask import Flask

from daemon.web import WebServer, serve
from flags.mirror import Mirror
from flags.model import Gates
from flags.ofrep import ofrep_blueprint
from flags.stores.sql import SqlFlagStore
from flags.switch import Switch
from flags.toggles import toggles_blueprint
from tests.servers import need

FLAG = "representative_status_enabled"
ROLLOUT = "new_search"
#: crc32 puts the first inside 25 % of ROLLOUT, the second outside.
INSIDE, OUTSIDE = "probe-7", "probe-1"
DEADLINE_S = 15
CLIENTS = Path(__file__).parent / "js"


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def served(app: Flask) -> Iterator[WebServer]:
    """Serve an app as the daemon does; `.url` says where."""
    server = serve(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(DEADLINE_S)
    assert not thread.is_alive()


class Room:
    """A store with two flags, and the mirror that the served app answers from."""

    def __init__(self, store: SqlFlagStore, other: SqlFlagStore) -> None:
        self.mirror = Mirror()
        self.url = ""
        self._store, self._other = store, other
        self._switch = Switch(store)

    def poll(self) -> None:
        """Read the store whole, as the engine does every few seconds."""
        began = now()
        self.mirror.take(self._switch.flags(), began)

    def kill(self, flag: str = FLAG) -> None:
        """Turn a flag off as a guard does; the mirror has it before this returns."""
        self.mirror.take_one(self._switch.write(flag, False), now())

    def revive(self, flag: str = FLAG) -> None:
        """Turn it on again."""
        self.mirror.take_one(self._switch.write(flag, True), now())

    def killed_elsewhere(self, flag: str = FLAG) -> None:
        """Somebody else turns a flag off: only a poll can find out."""
        self._other.set(flag, False)

    def add(self, name: str, gates: Gates) -> None:
        """Declare a flag as its application would, with these gates."""
        self._store.create(name)
        self._store.replace_gates(name, gates)
        self.poll()

    def post(self, path: str, body: Any, **headers: str) -> requests.Response:
        """POST a body; one that is no bytes is sent as JSON."""
        raw = {"data": body} if isinstance(body, bytes) else {"json": body}
        address = self.url + "/ofrep/v1/evaluate/flags" + path
        return requests.post(address, **raw, headers=headers, timeout=DEADLINE_S)

    def get(self, path: str, **more: Any) -> requests.Response:
        """GET a path."""
        return requests.get(self.url + path, timeout=DEADLINE_S, **more)


Serve = Callable[..., Room]


@pytest.fixture
def serve_room(tmp_path: Path) -> Iterator[Serve]:
    """Make rooms whose blueprints take other arguments; nothing was read there yet."""
    ends: list[Any] = []

    def make(origins: tuple[str, ...] = ("*",), **streams: Any) -> Room:
        url = f"sqlite:///{tmp_path / 'flags.sqlite'}"
        store, other = SqlFlagStore(url), SqlFlagStore(url)
        store.create_tables()
        store.create(FLAG, is_enabled=True)
        store.create(ROLLOUT)
        store.replace_gates(ROLLOUT, Gates.of(("percentage_of_actors", "25")))
        room = Room(store, other)
        app = Flask(__name__)
        app.register_blueprint(ofrep_blueprint(room.mirror, origins, **streams))
        app.register_blueprint(toggles_blueprint(room.mirror, origins))
        serving = served(app)
        room.url = serving.__enter__().url
        # The mirror first: it ends the streams, and they hold the server's threads.
        ends.append(room.mirror.close)
        ends.append(lambda: serving.__exit__(None, None, None))
        ends.extend((store.close, other.close))
        return room

    yield make
    for end in ends:
        end()


@pytest.fixture
def room(serve_room: Serve) -> Room:
    """FLAG is on for everybody, ROLLOUT for a quarter; both were read once."""
    made = serve_room()
    made.poll()
    return made


@pytest.fixture(scope="session")
def clients() -> Path:
    """The folder with OpenFeature's JavaScript clients in `node_modules`."""
    if not (CLIENTS / "node_modules" / ".package-lock.json").exists():
        reason = "OpenFeature's clients are not here: run `make test`, which fetches them"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return CLIENTS


@pytest.fixture(scope="session")
def node() -> str:
    """The node in Playwright's wheel, which is always there; else the system's."""
    bundled = Path(playwright.__file__).parent / "driver" / "node"
    return str(bundled) if bundled.exists() else need("node", "nodejs")
