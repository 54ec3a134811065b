"""Options, exit codes and manners that all verbs share."""

from __future__ import annotations

import json
from typing import Annotated, Any, NoReturn

import typer

from daemon.cli.client import ApiError, Client

#: Exit codes beside 0: it failed; the input is wrong; someone was first; decided, not yet written.
FAILED, WRONG, CONFLICT, PENDING = 1, 2, 3, 4

Url = Annotated[str, typer.Option(envvar="TRIPFLAG_URL", help="The daemon's address.")]
Token = Annotated[str | None, typer.Option(envvar="TRIPFLAG_TOKEN", help="Bearer token.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, in a sentence; it is kept.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask where exposure rises.")]
LOCAL = "http://127.0.0.1:8700"


def get(url: str, token: str | None, path: str) -> Any:
    """Read a resource below `/api/v1`, or end the command with the reason and the remedy."""
    try:
        return Client(url, token).get(path)
    except ApiError as cause:
        give_up(str(cause))


def print_json(document: object) -> None:
    """Print a document, for other programs."""
    print(json.dumps(document, indent=2))  # noqa: T201 - the command's output


def give_up(text: str, code: int = FAILED) -> NoReturn:
    """End the command with one line on standard error."""
    typer.echo(text, err=True)
    raise typer.Exit(code)
