"""`tripflag explain`: why a guard is what it is, now or at any past time."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.cli.options import LOCAL, AsJson, Token, Url, get, part, print_json
from probes.text import plain

Guard = Annotated[str, typer.Argument(help="Guard.")]
At = Annotated[
    str | None,
    typer.Option("--at", help="ISO 8601 time with its zone, such as 2026-01-31T12:00:00Z."),
]


def explain(
    guard: Guard, at: At = None, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """Say why a guard is what it is, which runs counted, and what would have to happen next."""
    told = get(url, token, f"guards/{part(guard)}/explain", at=at)
    if as_json:
        print_json(told["explanation"])
        return
    for line in told["text"].splitlines():
        # Reasons quote the target. Its indentation is ours, what follows may steer a terminal.
        indent = line[: len(line) - len(line.lstrip(" "))]
        print(f"{indent}{plain(line)}")  # noqa: T201 - the command's output
