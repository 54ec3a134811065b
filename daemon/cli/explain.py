"""`tripflag explain`: why a guard is what it is, now or at any past time."""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import quote

import typer

from daemon.cli.client import ApiError, Client
from daemon.cli.options import FAILED, LOCAL, WRONG, AsJson, Token, Url

Guard = Annotated[str, typer.Argument(help="Guard.")]
At = Annotated[
    str | None,
    typer.Option("--at", help="ISO 8601 time with its zone, such as 2026-01-31T12:00:00Z."),
]


def explain(
    guard: Guard, at: At = None, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """Say why a guard is what it is, which runs counted, and what would have to happen next."""
    when = "" if at is None else f"?at={quote(at, safe='')}"
    try:
        told = Client(url, token).get(f"guards/{quote(guard, safe='')}/explain{when}")
    except ApiError as cause:
        typer.echo(str(cause), err=True)
        raise typer.Exit(WRONG if cause.status in (400, 404) else FAILED) from cause
    # Not through rich: brackets of a target's would be read as markup.
    print(json.dumps(told["explanation"], indent=2) if as_json else told["text"])  # noqa: T201
