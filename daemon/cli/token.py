"""`tripflag token`: who may read and act through the API and the dashboard.

With --file it works on the journal of a daemon that does not run: how the first token is made
where nobody can reach the API, and how the door is opened again when every administrator is gone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.audit import Signed
from daemon.bearer import Role, TokenRefused, UnknownToken
from daemon.bearer import Token as Kept
from daemon.cli.client import ApiError, Client, user
from daemon.cli.options import (
    CONFLICT,
    LOCAL,
    WRONG,
    AsJson,
    Token,
    Url,
    get,
    give_up,
    part,
    print_json,
    refused,
)
from daemon.cli.terminal import show_table, time_text

if TYPE_CHECKING:
    from config.schema import Config
    from daemon.tokens import Tokens

token = typer.Typer(help="Tokens of the API and the dashboard.", no_args_is_help=True)

File = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="Work on the journal of this configuration; no daemon runs."),
]
Why = Annotated[str, typer.Option("--reason", "-r", help="Why, in a sentence; it is kept.")]
Which = Annotated[str, typer.Argument(metavar="NAME|ID", help="Of the token.")]


@token.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose, or what for; the audit says it.")],
    role: Annotated[Role, typer.Option(help="What it may.")],
    expires_days: Annotated[float | None, typer.Option(help="Default: until revoked.")] = None,
    reason: Why = "asked for on the command line",
    file: File = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Make a token. Its secret goes to standard output, this once; all else to standard error."""
    if expires_days is not None and not 0 < expires_days <= 3650:
        give_up("--expires-days: must be over 0 and 3650 at most", WRONG)
    if file is None:
        body: dict[str, object] = {"name": name, "role": role.value, "expires_days": expires_days}
        made = _send(url, token, "POST", "tokens", reason, body)
    else:
        with _journal_of(file) as (config, tokens):
            now = datetime.now(UTC)
            kept, secret = tokens.create(
                name,
                role,
                _signed(reason),
                now,
                expires_at=None if expires_days is None else now + timedelta(days=expires_days),
                admin_configured=config.web.tokens.admin is not None,
            )
        made = {**_document(kept), "secret": secret}
    if as_json:
        print_json(made)
    else:
        print(made["secret"])  # noqa: T201 - the command's output
    _tell(f"{made['name']} ({made['id']}) is {made['role']}; the secret is not shown again")


@token.command("list")
def list_tokens(
    file: File = None, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """List every token ever made, newest first, with its last use. Never a secret."""
    if file is None:
        listed = get(url, token, "tokens")["tokens"]
    else:
        with _journal_of(file) as (_, tokens):
            listed = [_document(each) for each in tokens.list()]
    if as_json:
        print_json(listed)
        return
    show_table(
        ("name", "id", "role", "made (UTC)", "by", "last use", "expires", "revoked"),
        (
            (
                *(each["name"], each["id"], each["role"]),
                *(time_text(each["created_at"]), each["created_by"]),
                *(time_text(each["used_at"], "never"), time_text(each["expires_at"], "never")),
                f"{time_text(each['revoked_at'])} {each['revoked_by'] or ''}".strip(),
            )
            for each in listed
        ),
    )


@token.command()
def revoke(
    which: Which,
    reason: Why = "asked for on the command line",
    file: File = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """End a token for good: whoever has it is out from the next request on."""
    if file is None:
        document = _send(url, token, "DELETE", f"tokens/{part(which)}", reason, {})
    else:
        with _journal_of(file) as (config, tokens):
            configured = config.web.tokens.admin is not None
            now = datetime.now(UTC)
            kept = tokens.revoke(which, _signed(reason), now, admin_configured=configured)
        document = _document(kept)
    if as_json:
        print_json(document)
    _tell(f"{document['name']} ({document['id']}) is revoked")


def _send(
    url: str, token: str | None, method: str, path: str, reason: str, body: dict[str, object]
) -> Any:
    given = {key: value for key, value in body.items() if value is not None}
    try:
        return Client(url, token).send(method, path, {**given, "reason": reason, "by": user()})
    except ApiError as cause:
        refused(cause)


@contextmanager
def _journal_of(file: Path) -> Iterator[tuple[Config, Tokens]]:
    # Here, not above: they take seconds to import, and every verb of the command would wait.
    from config.load import ConfigError, load
    from daemon.journal import Journal, JournalError
    from daemon.tokens import Tokens

    try:
        config = load(file, os.environ)
        # Its lock is the proof that no daemon runs: one that does would not see what is written.
        journal = Journal(config.journal.path)
    except ConfigError as cause:
        give_up(str(cause), WRONG)
    except JournalError as cause:
        give_up(f"{cause}; while a daemon runs, leave --file out and ask it")
    try:
        yield config, Tokens(journal)
    except TokenRefused as cause:
        give_up(str(cause), WRONG if isinstance(cause, UnknownToken) else CONFLICT)
    except JournalError as cause:
        give_up(str(cause))
    finally:
        journal.close()


def _signed(reason: str) -> Signed:
    return Signed(user(), reason, "command line")


def _document(kept: Kept) -> dict[str, Any]:
    document = {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(kept).items()
    }
    return {**document, "role": kept.role.value, "live": kept.dead(datetime.now(UTC)) is None}


def _tell(text: str) -> None:
    typer.echo(text, err=True)
