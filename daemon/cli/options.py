"""Options, exit codes and manners that all verbs share."""

from __future__ import annotations

import json
from typing import Annotated, Any, NoReturn
from urllib.parse import quote

import typer

from daemon.cli.client import ApiError, Client

#: Exit codes beside 0: it failed; the input is wrong; someone was first; decided, not yet written;
#: a run could not judge. `EXIT_CODES` says them to people.
FAILED, WRONG, CONFLICT, PENDING, UNJUDGED = 1, 2, 3, 4, 5

#: Statuses with which the daemon says that what it was asked makes no sense.
_WRONG = (400, 404, 422)
#: Those with which it says that something else came first.
_CONFLICTS = (409, 412)

EXIT_CODES = (
    (0, "done; `status`: all is well; `run`: passed or degraded"),
    (
        1,
        "it failed, or no daemon answers; `status`: something needs a person; `run`: failed; "
        "`drill`: it would not have killed",
    ),
    (2, "the input is wrong: a name, an option, a file, a reason; `drill`: it said nothing"),
    (3, "someone was first: look again, then decide anew; `status`: no daemon answers"),
    (4, "decided, but the store has not taken it yet: it is tried until it is written"),
    (5, "`run`: it could not judge (error or skipped)"),
)

Url = Annotated[str, typer.Option(envvar="TRIPFLAG_URL", help="The daemon's address.")]
Token = Annotated[
    str | None,
    typer.Option(envvar="TRIPFLAG_TOKEN", show_envvar=True, help="Bearer token."),
]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, in a sentence; it is kept.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask where exposure rises.")]
LOCAL = "http://127.0.0.1:8700"


def get(url: str, token: str | None, path: str, **query: object) -> Any:
    """Read a resource below `/api/v1`, or end the command with the reason and the remedy."""
    try:
        return Client(url, token).get(path, **query)
    except ApiError as cause:
        refused(cause)


def act(
    url: str,
    token: str | None,
    path: str,
    reason: str | None = None,
    *,
    if_match: str | None = None,
    **more: object,
) -> Any:
    """Ask for an operator's act, or end the command with the reason and the remedy."""
    try:
        return Client(url, token).act(path, reason, if_match=if_match, **more)
    except ApiError as cause:
        refused(cause)


def part(name: str) -> str:
    """Write a name as one part of a path, whatever somebody typed."""
    return quote(name, safe="")


def print_json(document: object) -> None:
    """Print a document, for other programs."""
    print(json.dumps(document, indent=2))  # noqa: T201 - the command's output


def refused(cause: ApiError) -> NoReturn:
    """End the command as the daemon's refusal demands."""
    code = WRONG if cause.status in _WRONG else FAILED
    give_up(str(cause), CONFLICT if cause.status in _CONFLICTS else code)


def give_up(text: str, code: int = FAILED) -> NoReturn:
    """End the command with one line on standard error."""
    typer.echo(text, err=True)
    raise typer.Exit(code)
