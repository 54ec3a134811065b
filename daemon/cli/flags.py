"""`tripflag flags` and `tripflag audit`: flags by hand, and who did what to them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from daemon.audit import AuditEntry, first_broken
from daemon.cli.client import ApiError, Client
from daemon.cli.options import (
    CONFLICT,
    FAILED,
    LOCAL,
    PENDING,
    WRONG,
    AsJson,
    Reason,
    Token,
    Url,
    Yes,
    get,
    give_up,
    print_json,
)
from flags.gates import PERCENTAGE_OF_ACTORS, flag_of
from flags.gates import percentage as percentage_of
from flags.model import FlagState, Gates

PAGE = 500

flags = typer.Typer(help="Read and write flags by hand, through the daemon.", no_args_is_help=True)
audit = typer.Typer(help="Every write to a flag, as a hash chain.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Flag.")]

out = Console()


@flags.command("list")
def list_flags(url: Url = LOCAL, token: Token = None, as_json: AsJson = False) -> None:
    """List every flag of the store."""
    listed = get(url, token, "flags")["flags"]
    if as_json:
        print_json(listed)
        return
    table = Table("flag", "state", "gates", "guarded by")
    for flag in listed:
        table.add_row(flag["name"], _state(flag), str(_gates(flag)), flag["guarded_by"] or "")
    out.print(table)


@flags.command("get")
def get_flag(name: Name, url: Url = LOCAL, token: Token = None, as_json: AsJson = False) -> None:
    """Show one flag."""
    _show(get(url, token, f"flags/{name}"), as_json)


@flags.command("on")
def turn_on(
    name: Name,
    reason: Reason,
    yes: Yes = False,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Turn a flag on for everybody."""
    _write(url, token, name, "enable", reason, Gates.of(("boolean", "true")), yes, as_json)


@flags.command("off")
def turn_off(
    name: Name, reason: Reason, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """Turn a flag off for everybody."""
    _write(url, token, name, "disable", reason, Gates(), True, as_json)


@flags.command("percent")
def percent(
    name: Name,
    percentage: Annotated[float, typer.Argument(min=0, max=100, help="Of actors.")],
    reason: Reason,
    yes: Yes = False,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Expose a percentage of actors."""
    to = Gates.of((PERCENTAGE_OF_ACTORS, f"{percentage:g}"))
    _write(url, token, name, "percentage", reason, to, yes, as_json, percentage=percentage)


@flags.command("actors")
def actors(
    name: Name,
    reason: Reason,
    add: Annotated[list[str] | None, typer.Option("--add", help="Expose this actor.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="No longer.")] = None,
    yes: Yes = False,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Expose single actors, or no longer."""
    if not add and not remove:
        give_up("nothing to do: give --add ACTOR or --remove ACTOR", WRONG)
    for actor in remove or ():
        _act(url, token, name, "actors", reason, actor=actor, present=False)
    if add:
        _confirm(f"{', '.join(add)} will be exposed to {name}", yes)
    for actor in add or ():
        _act(url, token, name, "actors", reason, actor=actor, present=True)
    _show(get(url, token, f"flags/{name}"), as_json)


@flags.command("snapshot")
def snapshot(name: Name, url: Url = LOCAL, token: Token = None) -> None:
    """Print a flag's exact gates, for `restore`."""
    print_json(get(url, token, f"flags/{name}/snapshot"))


@flags.command("restore")
def restore(
    name: Name,
    file: Annotated[typer.FileText, typer.Argument(help="What `snapshot` printed; - reads it.")],
    reason: Reason,
    yes: Yes = False,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Replay a snapshot gate by gate."""
    try:
        taken = json.load(file)
        gates = Gates.of(*((str(key), str(value)) for key, value in taken["gates"]))
        of = str(taken["flag"])
    except (KeyError, TypeError, ValueError):
        give_up(f"{file.name} is no snapshot: give what `tripflag flags snapshot` printed", WRONG)
    if of != name:
        give_up(f"{file.name} is a snapshot of {of!r}, not of {name!r}: name that flag", WRONG)
    _write(url, token, name, "restore", reason, gates, yes, as_json, gates=gates.rows)


@flags.command("history")
def history(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, help="Newest so many.")] = 20,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Show who wrote a flag, when, and why: ours, and those found by a poll."""
    get(url, token, f"flags/{name}")
    rows = [row for row in _rows(url, token) if row["flag"] == name][-limit:]
    if as_json:
        print_json(rows)
        return
    table = Table("when (UTC)", "who", "from", "to", "why")
    for row in rows:
        before, after = (str(Gates.from_json(row[key])) for key in ("before", "after"))
        table.add_row(row["at"][:19].replace("T", " "), row["actor"], before, after, row["reason"])
    out.print(table)


@audit.command("export")
def export(url: Url = LOCAL, token: Token = None) -> None:
    """Print the whole audit as JSON lines."""
    for row in _rows(url, token):
        print(json.dumps(row))  # noqa: T201 - the command's output


@audit.command("verify")
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="An export; default: the daemon's audit as it is now.")
    ] = None,
    url: Url = LOCAL,
    token: Token = None,
) -> None:
    """Recompute the chain here and name the first broken link. Exits with 0, or with 1."""
    try:
        rows = _rows(url, token) if file is None else _lines(file)
        entries = [AuditEntry.of(row) for row in rows]
    except (OSError, ValueError) as cause:
        give_up(f"cannot read the audit: {cause}. Give a file made by `audit export`", WRONG)
    broken = first_broken(entries)
    if broken is not None:
        give_up(f"broken at row {broken.id}: {broken.why}", FAILED)
    end = f", the last is {entries[-1].hash[:12]}" if entries else ""
    out.print(f"{len(entries)} rows, every link holds{end}", highlight=False)


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _rows(url: str, token: str | None) -> Iterator[dict[str, Any]]:
    client, after = Client(url, token), 0
    while True:
        try:
            page = client.get(f"audit?limit={PAGE}&after={after}")
        except ApiError as cause:
            give_up(str(cause))
        yield from page["rows"]
        if page["next"] is None:
            return
        after = page["next"]


def _write(
    url: str,
    token: str | None,
    name: str,
    verb: str,
    reason: str,
    to: Gates,
    yes: bool,
    as_json: bool,
    **more: object,
) -> None:
    """Write what was looked at here, after asking where more people would be exposed."""
    seen = _gates(get(url, token, f"flags/{name}"))
    if _exposes_more(name, seen, to):
        _confirm(f"{name}: {seen} -> {to}. More people will be exposed", yes)
    _show(_act(url, token, name, verb, reason, seen=seen.rows, **more), as_json)


def _act(
    url: str, token: str | None, name: str, verb: str, reason: str, **more: object
) -> dict[str, Any]:
    try:
        view: dict[str, Any] = Client(url, token).act(f"flags/{name}/{verb}", reason, **more)
    except ApiError as cause:
        give_up(str(cause), CONFLICT if cause.status == 409 else FAILED)
    if view["pending"]:
        give_up(
            f"{name} will be {view['pending']}: decided, but the store has not taken it yet. It is "
            "tried until it is written; see `tripflag flags get`",
            PENDING,
        )
    return view


def _exposes_more(name: str, seen: Gates, to: Gates) -> bool:
    order = (FlagState.OFF, FlagState.CONDITIONAL, FlagState.ON)
    before, after = (order.index(flag_of(name, gates).state) for gates in (seen, to))
    if before != after:
        return after > before
    wider = percentage_of(to, PERCENTAGE_OF_ACTORS) > percentage_of(seen, PERCENTAGE_OF_ACTORS)
    kept = {row for row in to.rows if row[0] != PERCENTAGE_OF_ACTORS} <= set(seen.rows)
    return after > 0 and (wider or not kept)


def _confirm(text: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        give_up(f"{text}: confirm with --yes", WRONG)
    typer.confirm(f"{text}. Go on?", abort=True, err=True)


def _gates(flag: dict[str, Any]) -> Gates:
    return Gates.of(*((each["gate"], each["value"]) for each in flag["gates"]))


def _state(flag: dict[str, Any]) -> str:
    pending = flag["pending"]
    return f"{flag['state']} (pending: {pending})" if pending else str(flag["state"])


def _show(flag: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(flag)
        return
    guard = f", guarded by {flag['guarded_by']}" if flag["guarded_by"] else ""
    text = f"{flag['name']}: {_state(flag)} ({_gates(flag)}){guard}"
    out.print(text, highlight=False, soft_wrap=True)
