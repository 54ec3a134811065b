"""One hostile room for all tests of this folder, and its browser; both end with the folder.

Playwright runs one loop in a thread: a browser that stayed open would fail every later test that
starts its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread

import pytest
from structlog.testing import capture_logs

from daemon.web import serve
from tests.hostile.ground import Ground, a_ground
from tests.web.conftest import browser, build, locked, room, served

__all__ = ["browser", "build", "locked", "room", "served"]


@pytest.fixture(scope="package")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("hostile")
    with ExitStack() as stack:
        with capture_logs() as logged:
            made = stack.enter_context(a_ground(folder))
        made.logged = [dict(entry) for entry in logged]
        yield made


@pytest.fixture(scope="package")
def url(ground: Ground) -> Iterator[str]:
    """Address of the room's web."""
    with capture_logs(), _served(ground) as address:
        yield address


@contextmanager
def _served(ground: Ground) -> Iterator[str]:
    server = serve(ground.room.app(), "127.0.0.1", 0)
    thread = Thread(target=server.run)
    thread.start()
    yield server.url.rstrip("/")
    ground.room.engine.news.close()
    server.close()
    thread.join(15)
    assert not thread.is_alive()
