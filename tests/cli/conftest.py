"""The real command, in this process or its own, before a really served room."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from daemon.cli import main
from daemon.web import WebServer
from tests.web.conftest import (  # noqa: F401 - fixtures
    Room,
    build,
    client,
    locked,
    room,
    served,
)

Call = Callable[..., Result]
Start = Callable[..., "subprocess.Popen[str]"]


def run_command(url: str, *words: str, stdin: str | None = None, **env: str) -> Result:
    """Call the command in this process."""
    alone = {"TRIPFLAG_URL": url, "TRIPFLAG_TOKEN": None, "TRIPFLAG_TOKEN_FILE": None, **env}
    return CliRunner(env=alone).invoke(main, list(words), input=stdin)


@pytest.fixture(autouse=True)
def _no_log_of_the_room() -> Iterator[None]:
    """The room lives in this process: its log would stand in what the command prints."""
    with capture_logs():
        yield


@pytest.fixture
def call(room: Room, served: Callable[[Room], WebServer]) -> Call:  # noqa: F811
    """Call the command before an open room."""
    url = served(room).url

    def run(*words: str, stdin: str | None = None, **env: str) -> Result:
        return run_command(url, *words, stdin=stdin, **env)

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the command as a process of its own; it is killed at the end, if it still is there."""
    running: list[subprocess.Popen[str]] = []

    def begin(url: str, *words: str, **env: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            (sys.executable, "-m", "daemon.cli", *words),
            env={**os.environ, "TRIPFLAG_URL": url, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)
