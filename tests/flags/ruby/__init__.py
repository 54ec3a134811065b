"""Debian's Ruby Flipper over ActiveRecord as one long-lived process that speaks JSON lines."""

from __future__ import annotations

import json
import select
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from tests.servers import need

PACKAGES = "ruby-flipper ruby-activerecord ruby-sqlite3 ruby-pg"
ANSWER_S = 30.0


class Ruby:
    """Calls `flipper.rb`'s methods by name; any thread may, one at a time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lock = threading.Lock()
        self._rest = b""

    def __call__(self, method: str, *arguments: Any) -> Any:
        """Return the method's answer; an error of Ruby's is a failure here."""
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(json.dumps([method, *arguments]).encode() + b"\n")
            self._process.stdin.flush()
            answer = json.loads(self._line(time.monotonic() + ANSWER_S))
        assert "error" not in answer, answer
        return answer["answer"]

    def connect(self, url: str) -> None:
        """Use the database that this URL names for us."""
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            self("connect", {"adapter": "sqlite3", "database": parsed.database, "timeout": 10_000})
        else:
            address = {"host": parsed.host, "port": parsed.port, "username": parsed.username}
            self("connect", {"adapter": "postgresql", "database": parsed.database, **address})

    def _line(self, until: float) -> bytes:
        assert self._process.stdout is not None
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._process.stdout], [], [], until - time.monotonic())
            assert ready, "Ruby does not answer"
            got = self._process.stdout.read1(1 << 20)  # type: ignore[attr-defined]
            assert got, "Ruby ended"
            self._rest += got
        line, self._rest = self._rest.split(b"\n", 1)
        return line


@contextmanager
def ruby_process() -> Iterator[Ruby]:
    """Start Ruby, and end it after; skip where its packages are not here."""
    program = need("ruby", PACKAGES)
    script = Path(__file__).with_name("flipper.rb")
    asked = (program, "-e", 'require "flipper/adapters/active_record"; require "pg"')
    if subprocess.run((*asked, "-rsqlite3"), check=False, capture_output=True).returncode != 0:
        need("ruby-flipper-for-activerecord", PACKAGES)
    with subprocess.Popen(
        (program, str(script)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield Ruby(process)
        finally:
            process.kill()


def database_url(request: pytest.FixtureRequest, kind: str, folder: Path) -> str:
    """URL of an empty database of the test's own."""
    if kind == "sqlite":
        return f"sqlite:///{folder / 'flags.sqlite'}"
    url: str = request.getfixturevalue("postgres_url")
    return url
