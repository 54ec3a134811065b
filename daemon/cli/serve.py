"""`tripflag up` and `tripflag demo`: the daemon, served until it is told to stop."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from daemon.cli.options import WRONG, AsJson, give_up, print_json
from daemon.cli.terminal import say

if TYPE_CHECKING:
    from daemon.app import Daemon
    from daemon.demo import Line

File = Annotated[Path, typer.Argument(help="Configuration file.")]


def up(file: File) -> None:
    """Run the daemon until SIGTERM. SIGHUP reloads FILE; a bad one is refused whole."""
    from daemon.app import daemon_from

    start_logging()
    try:
        daemon = daemon_from(file, os.environ)
    except Exception as cause:
        give_up_on(cause)
    serve_until_stopped(daemon)


def demo(
    auto: Annotated[bool, typer.Option("--auto", help="Play the story, print its times.")] = False,
    interval_s: Annotated[float, typer.Option(help="Pace of the probes.")] = 5,
    port: Annotated[int, typer.Option(help="Dashboard, API and metrics; 0: any.")] = 8700,
    stage_port: Annotated[int, typer.Option(help="The stage; 0: any.")] = 8701,
    state: Annotated[Path | None, typer.Option(help="Folder of state; default: a new one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Start the embedded stage and a daemon that watches it."""
    from daemon.cli.terminal import out
    from daemon.demo import play, serve_demo

    start_logging(quiet=auto)
    try:
        if auto:
            lines = play(interval_s, Console(quiet=True) if as_json else out)
            if as_json:
                print_json([_document(line) for line in lines])
        else:
            with serve_demo(interval_s, port, stage_port, state) as (daemon, stage_url):
                _welcome(daemon, stage_url)
                serve_until_stopped(daemon)
    except Exception as cause:
        give_up_on(cause)


def give_up_on(cause: Exception) -> NoReturn:
    """End the command with an expected error's line; any other one is raised on.

    Meant for `except Exception`: the errors' own modules take seconds to import, and most verbs
    need none of them.
    """
    from config.load import ConfigError
    from daemon.journal import JournalError
    from daemon.web import WebError
    from flags.model import FlagError
    from probes.model import ProbeError

    if isinstance(cause, ConfigError):
        give_up(str(cause), WRONG)
    if isinstance(cause, JournalError | FlagError | ProbeError | WebError):
        give_up(str(cause))
    raise cause


def serve_until_stopped(daemon: Daemon) -> None:
    """Start a daemon; on SIGTERM or SIGINT drain it, on SIGHUP reload, a second SIGINT: at once."""
    stop, reload = threading.Event(), threading.Event()
    wake = threading.Event()

    def on_signal(number: int, _frame: object) -> None:
        if number == signal.SIGINT and stop.is_set():
            os._exit(130)
        (reload if number == signal.SIGHUP else stop).set()
        wake.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    daemon.start()
    try:
        while not stop.is_set():
            # With a time-out: without one, a signal that comes between the two is seen late.
            wake.wait(1)
            wake.clear()
            if reload.is_set():
                reload.clear()
                daemon.reload()
    finally:
        daemon.stop()


def start_logging(*, quiet: bool = False) -> None:
    """Log to standard error: for people on a terminal, else one JSON object a line."""
    import structlog

    level = logging.ERROR if quiet else logging.INFO
    terminal = sys.stderr.isatty()
    colours = terminal and "NO_COLOR" not in os.environ
    render = (
        structlog.dev.ConsoleRenderer(colors=colours)
        if terminal
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _document(line: Line) -> dict[str, str]:
    return {"what": line.what, "at": line.at.isoformat(), "detail": line.detail}


def _welcome(daemon: Daemon, stage_url: str) -> None:
    say("")
    say(f"  stage      {stage_url}/stage/    press “Break the widget”")
    say(f"  dashboard  {daemon.web.url}/    watch the flag go off; mend it, then reset")
    say(f"  API        {daemon.web.url}/api/v1/overview")
    say(f"  metrics    {daemon.web.url}/metrics")
    say(f"  terminal   TRIPFLAG_URL={daemon.web.url} tripflag status --watch")
    say("")
