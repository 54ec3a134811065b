"""`tripflag status --watch`: the overview, drawn anew as things change, until Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import requests
from rich.console import Group
from rich.live import Live
from rich.text import Text

from daemon.cli.client import ApiError, Client
from daemon.cli.status import lines
from daemon.cli.terminal import cell, out, say

#: Longest time between two looks: not every daemon has a stream to give away.
LOOK_S = 2.0
#: News come in bursts: one look for all of them.
BURST_S = 0.2

Draw = Callable[[dict[str, Any], str], None]


def watch_until_left(client: Client, overview: dict[str, Any]) -> None:
    """Show the overview until Ctrl-C; a daemon that goes away is waited for."""
    changed = threading.Event()
    threading.Thread(target=_listen, args=(client, changed), daemon=True).start()
    problem, never = "", threading.Event()
    try:
        with _drawing() as draw:
            while True:
                draw(overview, problem)
                changed.wait(LOOK_S)
                never.wait(BURST_S)
                changed.clear()
                try:
                    overview, problem = client.get("overview"), ""
                except ApiError as cause:
                    problem = str(cause)
    except KeyboardInterrupt:
        return


def _listen(client: Client, changed: threading.Event) -> None:
    """Set `changed` with each event of the daemon's, for as long as this process lives."""
    pause = threading.Event()
    while True:
        try:
            with client.events() as stream:
                for line in stream:
                    if line.startswith(b"data:"):
                        changed.set()
        except (ApiError, requests.RequestException):
            pass  # the two-second look goes on, and says what is wrong
        pause.wait(LOOK_S)


@contextmanager
def _drawing() -> Iterator[Draw]:
    """Yield what draws: over the whole terminal, or line by line what is new, into a pipe."""
    if not out.is_terminal:
        yield _Lines().draw
        return
    with Live(console=out, auto_refresh=False, screen=True) as live:

        def draw(overview: dict[str, Any], problem: str) -> None:
            told = [*lines(overview, datetime.fromisoformat(overview["now"]))]
            at = f"{datetime.now(UTC):%H:%M:%S} UTC, Ctrl-C leaves"
            foot = cell(problem, style="bold red") if problem else cell(at, style="dim")
            live.update(Group(*told, foot), refresh=True)

        yield draw


class _Lines:
    def __init__(self) -> None:
        self._shown: set[str] = set()

    def draw(self, overview: dict[str, Any], problem: str) -> None:
        """Print the lines that were not there at the last look."""
        told: list[Text] = [*lines(overview, None)]
        if problem:
            told.append(cell(problem))
        for line in told:
            if line.plain not in self._shown:
                say(line)
        out.file.flush()
        self._shown = {line.plain for line in told}
