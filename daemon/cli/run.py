"""`tripflag run PROBE`: one run now, through the daemon or here, and what it says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.cli.client import ApiError, Client, user
from daemon.cli.options import (
    FAILED,
    LOCAL,
    UNJUDGED,
    WRONG,
    AsJson,
    Token,
    Url,
    give_up,
    part,
    print_json,
    refused,
)
from daemon.cli.run_table import progress, show_repeated
from daemon.cli.runs import save, show_run
from daemon.cli.terminal import say

LOOK_S = 0.3
#: Beyond a run's own time-out: it may wait for a worker, behind a drill or a confirmation.
PATIENCE_S = 60.0
MAX_REPEATS = 1000

Name = Annotated[str, typer.Argument(metavar="PROBE", help="Probe.")]
File = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="Run it here, from this configuration. Nothing is flipped."),
]
Headed = Annotated[bool, typer.Option("--headed", help="Show the browser; with --file.")]
Trace = Annotated[
    Path | None,
    typer.Option("--trace", help="Folder for trace and screenshot; the daemon keeps bad runs'."),
]
Repeat = Annotated[int, typer.Option(min=1, max=MAX_REPEATS, help="So many runs, then a table.")]
Location = Annotated[
    str | None, typer.Option(help="As this location; through the daemon: wait for no other.")
]


def run(
    name: Name,
    file: File = None,
    headed: Headed = False,
    trace: Trace = None,
    repeat: Repeat = 1,
    location: Location = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Run a probe now, and follow it: through the daemon, where it counts as evidence, or here.

    Exits with 0 for passed and degraded, 1 for failed, 2 for wrong input, 5 where it could not
    judge (error, skipped).
    """
    if file is not None:
        from daemon.cli.run_here import runs_here

        found = runs_here(file, name, headed, trace, repeat, location, as_json)
    elif headed:
        give_up("--headed shows a browser of this machine: give --file FILE with it", WRONG)
    else:
        found = _through_daemon(url, token, name, trace, repeat, location, as_json)
    if as_json:
        print_json(found if repeat > 1 else found[0] if len(found) == 1 else found)
    elif repeat > 1:
        show_repeated(found)
    raise typer.Exit(_code({each["outcome"] for each in found}))


def _through_daemon(
    url: str,
    token: str | None,
    name: str,
    trace: Path | None,
    repeat: int,
    location: str | None,
    quiet: bool,
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    try:
        client = Client(url, token)
        probe = client.get(f"probes/{part(name)}")
        places = tuple(each["location"] for each in probe["locations"])
        if location is not None and location not in places:
            give_up(f"{name} does not run in {location!r}: name one of {', '.join(places)}", WRONG)
        with progress(repeat, quiet) as advance:
            for _ in range(repeat):
                for run in _once(client, name, probe["timeout_s"], location, repeat > 1):
                    found.append(run)
                    if not quiet and repeat == 1:
                        show_run(run)
                    _save(client, run, trace, quiet)
                advance()
    except ApiError as cause:
        refused(cause)
    except OSError as cause:
        give_up(f"cannot write into {trace}: {cause.strerror}. Name another folder", WRONG)
    return found


def _once(
    client: Client, name: str, timeout_s: float, location: str | None, patient: bool
) -> Iterator[dict[str, Any]]:
    """Ask for one run at each location, and yield each once it is in."""
    started = _start(client, name, timeout_s if patient else 0.0)
    until = time.monotonic() + timeout_s + PATIENCE_S
    for run_id in started:
        run = _wait(client, run_id, until)
        if location is None or run["location"] == location:
            yield run


def _start(client: Client, name: str, wait_s: float) -> list[str]:
    """Ask for the runs; one of the schedule's that is under way is waited for up to `wait_s`."""
    until = time.monotonic() + wait_s
    while True:
        try:
            return list(client.act(f"probes/{part(name)}/run", by=user())["runs"])
        except ApiError as cause:
            if cause.status != 409 or time.monotonic() >= until:
                raise
        time.sleep(LOOK_S)


def _wait(client: Client, run_id: str, until: float) -> dict[str, Any]:
    while True:
        try:
            return dict(client.get(f"runs/{part(run_id)}")["run"])
        except ApiError as cause:
            if cause.status != 404:
                raise
        if time.monotonic() >= until:
            give_up(
                f"run {run_id} did not come in: look at `tripflag probes list`, and at the "
                "daemon's log",
                UNJUDGED,
            )
        time.sleep(LOOK_S)


def _save(client: Client, run: dict[str, Any], trace: Path | None, quiet: bool) -> None:
    if trace is None:
        return
    saved = save(client, run, trace)
    if quiet:
        return
    for file in saved:
        say(f"  saved {file}")
    if not saved:
        say("  the daemon kept no evidence of this run: it keeps that of failed runs and errors")


def _code(outcomes: set[str]) -> int:
    if "failed" in outcomes:
        return FAILED
    return 0 if outcomes <= {"passed", "degraded"} and outcomes else UNJUDGED
