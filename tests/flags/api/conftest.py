"""Ruby's API over a SQLite file, and a store in front of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from flags.stores.flipper_api import FlipperApiFlagStore
from tests.flags.api import FlipperApi
from tests.flags.api.canned import FLAG, TIMEOUT_S


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlipperApi]:
    api = FlipperApi(tmp_path_factory.mktemp("api"))
    api.start()
    yield api
    api.stop()


@pytest.fixture
def store(
    server: FlipperApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FlipperApiFlagStore]:
    """One flag that is off, and no other."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with sqlite3.connect(server.database) as connection:
        connection.execute("DELETE FROM flipper_features")
        connection.execute("DELETE FROM flipper_gates")
    connection.close()
    server.call("POST", "", name=FLAG)
    opened = FlipperApiFlagStore(server.base_url, TIMEOUT_S)
    yield opened
    opened.close()
