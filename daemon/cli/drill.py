"""`tripflag drill`: rehearse a guard's kill on the running daemon, and watch it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from daemon.cli.client import ApiError, Client
from daemon.cli.options import (
    FAILED,
    LOCAL,
    WRONG,
    AsJson,
    Token,
    Url,
    part,
    print_json,
    refused,
)
from probes.text import bounded

LOOK_S = 0.3
#: Longest line on the terminal.
WIDE = 400

Guard = Annotated[str, typer.Argument(help="Guard.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, in a sentence; it is kept.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Print the drill's id, and go.")]


def drill(
    guard: Guard,
    reason: Reason = "rehearsal",
    no_wait: NoWait = False,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Rehearse the guard's kill: faults in its probe's own browser only, nothing written.

    Exits with 0 if it would have killed in time (or would, but for a hold or observe mode), 1 if it
    would not have, 2 if the drill was aborted and says nothing.
    """
    try:
        client = Client(url, token)
        started = client.act(f"guards/{part(guard)}/drill", reason)
        if no_wait:
            if as_json:
                print_json(started)
            else:
                _say(str(started["id"]))
            return
        told = _watch(client, started["id"], quiet=as_json)
    except ApiError as cause:
        refused(cause)
    if as_json:
        print_json(told)
    else:
        _say(f"{told['guard']}: {_clean(told['says'])}")
    if told["ending"] == "aborted":
        raise typer.Exit(WRONG)
    raise typer.Exit(0 if told["good"] else FAILED)


def _watch(client: Client, drill_id: str, quiet: bool) -> dict[str, Any]:
    """Print what comes in until the drill ended, and return its report."""
    shown = 0
    while True:
        told: dict[str, Any] = client.get(f"drills/{drill_id}")["drill"]
        lines = list(_lines(told))
        if not quiet:
            for line in lines[shown:]:
                _say(line)
        shown = len(lines)
        if told["ending"] is not None:
            return told
        time.sleep(LOOK_S)


def _lines(told: dict[str, Any]) -> Iterator[str]:
    """Say what was planted, then each run; a line never changes once it was there."""
    yield from (f"planted: {_clean(fault)}" for fault in told["faults"])
    for run in told["runs"]:
        what = "control" if run["judged_as"] == "control" else "run"
        text = f"{what} of {run['probe']} in {run['location']}: {run['outcome']}"
        text += f" after {run['duration_s']:.1f} s"
        yield _clean(f"{text}: {run['reason']}" if run["reason"] else text)


def _clean(text: str) -> str:
    # Reasons quote the target: nothing in them may steer a terminal.
    return bounded(text, WIDE)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the command's output
