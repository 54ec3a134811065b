"""`tripflag audit`: who did what, as a hash chain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.audit import AuditEntry, first_broken
from daemon.cli.client import ApiError, Client
from daemon.cli.options import (
    FAILED,
    LOCAL,
    WRONG,
    AsJson,
    Token,
    Url,
    give_up,
    print_json,
    refused,
)
from daemon.cli.runs import pages
from daemon.cli.terminal import cell, say, show_table, time_text

audit = typer.Typer(help="Every act and write, as a hash chain.", no_args_is_help=True)


@audit.command("list")
def list_audit(
    actor: Annotated[str | None, typer.Option(help="Only this person's, or guard's.")] = None,
    subject: Annotated[str | None, typer.Option(help="Such as `guard NAME`.")] = None,
    flag: Annotated[str | None, typer.Option(help="Only of this flag.")] = None,
    since: Annotated[str | None, typer.Option(help="A time such as 2026-01-31T12:00:00Z.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Newest so many.")] = 50,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List what was done, newest first."""
    query = {"actor": actor, "subject": subject, "flag": flag, "since": since}
    listed = list(_rows(url, token, limit, order="desc", **query))
    if as_json:
        print_json(listed)
        return
    show_table(
        ("row", "when (UTC)", "who", "did", "to", "change", "why"),
        (
            (
                row["id"],
                time_text(row["at"]),
                row["actor"],
                row["action"],
                row.get("subject") or row["flag"],
                _change(row),
                cell(row["reason"], 160),
            )
            for row in listed
        ),
    )


@audit.command("export")
def export(url: Url = LOCAL, token: Token = None) -> None:
    """Print the whole audit as JSON lines, oldest first."""
    for row in _rows(url, token):
        print(json.dumps(row))  # noqa: T201 - the command's output


@audit.command("verify")
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="An export; default: the daemon's audit as it is now.")
    ] = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Recompute the chain here and name the first broken link. Exits with 0, or with 1."""
    try:
        rows = _rows(url, token) if file is None else _lines(file)
        entries = [AuditEntry.of(row) for row in rows]
    except (OSError, ValueError) as cause:
        give_up(f"cannot read the audit: {cause}. Give a file made by `audit export`", WRONG)
    broken = first_broken(entries)
    last = entries[-1].hash if entries else None
    if as_json:
        found = None if broken is None else {"row": broken.id, "why": broken.why}
        print_json({"rows": len(entries), "last": last, "broken": found})
    if broken is not None:
        give_up(f"broken at row {broken.id}: {broken.why}", FAILED)
    if not as_json:
        end = f", the last is {last[:12]}" if last else ""
        say(f"{len(entries)} rows, every link holds{end}")


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _rows(
    url: str, token: str | None, limit: int | None = None, **query: object
) -> Iterator[dict[str, Any]]:
    try:
        yield from pages(Client(url, token), "audit", "rows", limit, **query)
    except ApiError as cause:
        refused(cause)


def _change(row: dict[str, Any]) -> str:
    before, after = row["before"], row["after"]
    return f"{before} -> {after}" if before or after else ""
