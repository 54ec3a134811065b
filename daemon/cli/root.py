"""The `tripflag` command."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, NoReturn

import structlog
import typer
from rich.console import Console
from rich.table import Table

from config.load import ConfigError, json_schema, load
from daemon.app import Daemon, check_journeys, daemon_from
from daemon.cli.circuits import circuits
from daemon.cli.client import ApiError, Client
from daemon.cli.drill import drill
from daemon.cli.explain import explain
from daemon.cli.flags import audit, flags
from daemon.cli.incidents import incidents
from daemon.cli.token import token
from daemon.demo import DemoFailed, play, serve_demo
from daemon.journal import JournalError
from daemon.web import WebError
from flags.model import FlagError
from probes.chromium import find, install
from probes.model import ProbeError, Purpose
from probes.runner import Job, Runner

#: Exit codes: 0 well, 1 it failed, 2 the input is wrong.
FAILED, WRONG = 1, 2

main = typer.Typer(
    help="Watch a flagged widget with real browsers; turn its flag off when the widget broke.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
browser = typer.Typer(help="The headless Chromium that probes drive.", no_args_is_help=True)
main.add_typer(browser, name="browser")
main.add_typer(flags, name="flags")
main.add_typer(audit, name="audit")
main.add_typer(circuits, name="circuits")
main.add_typer(incidents, name="incidents")
main.add_typer(token, name="token")
main.command()(explain)
main.command()(drill)

File = Annotated[Path, typer.Argument(help="Configuration file.")]
Url = Annotated[str, typer.Option(envvar="TRIPFLAG_URL", help="The daemon's address.")]
Token = Annotated[str | None, typer.Option(envvar="TRIPFLAG_TOKEN", help="Bearer token.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, in a sentence; it is kept.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LOCAL = "http://127.0.0.1:8700"

out = Console()


@main.command()
def run(file: File) -> None:
    """Run the daemon until SIGTERM. SIGHUP reloads FILE; a bad one is refused whole."""
    start_logging()
    try:
        daemon = daemon_from(file, os.environ)
    except _EXPECTED as cause:
        _give_up(cause)
    serve_until_stopped(daemon)


@main.command()
def check(file: File) -> None:
    """Check FILE and the journeys that it names. Exits with 0, or with 2 and every problem."""
    try:
        config = load(file, os.environ)
        check_journeys(config)
    except (ConfigError, ProbeError) as cause:
        _give_up(cause, WRONG)
    out.print(
        f"{file}: {len(config.targets)} targets, {len(config.probes)} probes, "
        f"{len(config.guards)} guards: good",
        highlight=False,
    )


@main.command()
def schema() -> None:
    """Print the JSON schema of the configuration file, for editors."""
    print(json.dumps(json_schema(), indent=2))  # noqa: T201 - the command's output


@main.command()
def demo(
    auto: Annotated[bool, typer.Option("--auto", help="Play the story, print its times.")] = False,
    interval_s: Annotated[float, typer.Option(help="Pace of the probes.")] = 5,
    port: Annotated[int, typer.Option(help="Dashboard, API and metrics; 0: any.")] = 8700,
    stage_port: Annotated[int, typer.Option(help="The stage; 0: any.")] = 8701,
    state: Annotated[Path | None, typer.Option(help="Folder of state; default: a new one.")] = None,
) -> None:
    """Start the embedded stage and a daemon that watches it."""
    start_logging(quiet=auto)
    try:
        if auto:
            play(interval_s, out)
        else:
            with serve_demo(interval_s, port, stage_port, state) as (daemon, stage_url):
                _welcome(daemon, stage_url)
                serve_until_stopped(daemon)
    except (*_EXPECTED, DemoFailed) as cause:
        _give_up(cause)


@main.command()
def probe(file: File, name: Annotated[str, typer.Argument(help="Probe to run once.")]) -> None:
    """Run one probe once and print its run: for authors of journeys. Nothing is kept or flipped."""
    start_logging(quiet=True)
    try:
        config = load(file, os.environ)
        spec = config.probes[name]
        find(config.browser)
    except KeyError:
        _give_up(ProbeError(f"no probe is named {name!r}: name one of {', '.join(config.probes)}"))
    except _EXPECTED as cause:
        _give_up(cause)
    runner = Runner()
    job = Job(
        spec,
        config.targets[spec.target],
        spec.locations[0],
        Purpose.MANUAL,
        browser=config.browser,
        uplink=config.uplink,
        journeys_folder=config.journeys_folder,
    )
    try:
        result = runner.execute(job)
    finally:
        runner.close()
    out.print_json(result.to_json())
    raise typer.Exit(0 if result.outcome in ("passed", "degraded") else FAILED)


@main.command()
def guards(url: Url = LOCAL, token: Token = None, as_json: AsJson = False) -> None:
    """Show every guard: its phase, its flag, and what stands between it and its act."""
    try:
        listed = Client(url, token).get("guards")["guards"]
    except ApiError as cause:
        _give_up(cause)
    if as_json:
        print(json.dumps(listed))  # noqa: T201 - the command's output
        return
    table = Table("guard", "phase", "flag", "value", "what it waits for")
    for guard in listed:
        value = {True: "on", False: "off", None: "unknown"}[guard["flag_value"]]
        waits = "; ".join(guard["blockers"])
        table.add_row(guard["name"], guard["phase"], guard["flag"], value, waits)
    out.print(table)


@main.command()
def trip(guard: str, reason: Reason, url: Url = LOCAL, token: Token = None) -> None:
    """Do the guard's act now, at your word."""
    _act(url, token, guard, "trip", reason)


@main.command()
def reset(guard: str, reason: Reason, url: Url = LOCAL, token: Token = None) -> None:
    """Put back exactly what the guard's last trip found: users are exposed again."""
    _act(url, token, guard, "reset", reason)


@main.command()
def hold(
    guard: str,
    reason: Reason,
    minutes: Annotated[float | None, typer.Option(help="Default: until released.")] = None,
    url: Url = LOCAL,
    token: Token = None,
) -> None:
    """Keep the guard's hands off."""
    more = {} if minutes is None else {"for_s": minutes * 60}
    _act(url, token, guard, "hold", reason, **more)


@main.command()
def release(guard: str, reason: Reason, url: Url = LOCAL, token: Token = None) -> None:
    """End a hold."""
    _act(url, token, guard, "release", reason)


@main.command()
def baseline(probe: str, reason: Reason, url: Url = LOCAL, token: Token = None) -> None:
    """Accept the accessibility violations of a probe's newest run: only others are new then."""
    try:
        found = Client(url, token).act(f"probes/{probe}/baseline", reason)
    except ApiError as cause:
        _give_up(cause)
    out.print(f"{probe}: {found['accepted']} violations accepted", highlight=False)


@browser.command("install")
def browser_install() -> None:
    """Make sure that a headless Chromium is on this machine."""
    try:
        out.print(str(install()), highlight=False)
    except ProbeError as cause:
        _give_up(cause)


@browser.command("find")
def browser_find() -> None:
    """Print the Chromium that probes would drive."""
    from config.schema import BrowserSpec

    try:
        out.print(str(find(BrowserSpec())), highlight=False)
    except ProbeError as cause:
        _give_up(cause)


_EXPECTED = (ConfigError, JournalError, FlagError, ProbeError, WebError)


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
    level = logging.ERROR if quiet else logging.INFO
    terminal = sys.stderr.isatty()
    render = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
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


def _welcome(daemon: Daemon, stage_url: str) -> None:
    out.print(
        f"\n  stage      {stage_url}/stage/    press “Break the widget”"
        f"\n  dashboard  {daemon.web.url}/    watch the flag go off; mend it, then reset"
        f"\n  API        {daemon.web.url}/api/v1/overview"
        f"\n  metrics    {daemon.web.url}/metrics\n",
        highlight=False,
        soft_wrap=True,
    )


def _act(url: str, token: str | None, guard: str, verb: str, reason: str, **more: object) -> None:
    try:
        state = Client(url, token).act(f"guards/{guard}/{verb}", reason, **more)
    except ApiError as cause:
        _give_up(cause)
    out.print(f"{guard}: {state['phase']}", highlight=False)


def _give_up(cause: Exception, code: int | None = None) -> NoReturn:
    typer.echo(str(cause), err=True)
    raise typer.Exit(code or (WRONG if isinstance(cause, ConfigError) else FAILED))
