"""`tripflag flags`: flags by hand, and who did what to them."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from daemon.cli.client import ApiError, Client
from daemon.cli.options import (
    LOCAL,
    PENDING,
    WRONG,
    AsJson,
    Reason,
    Token,
    Url,
    Yes,
    act,
    get,
    give_up,
    part,
    print_json,
    refused,
)
from daemon.cli.runs import pages
from daemon.cli.terminal import cell, say, show_table, time_text
from flags.gates import PERCENTAGE_OF_ACTORS, flag_of
from flags.gates import percentage as percentage_of
from flags.model import FlagState, Gates

flags = typer.Typer(help="Read and write flags by hand, through the daemon.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Flag.")]
#: A flag may list a hundred actors.
LONGEST = 10_000


@flags.command("list")
def list_flags(url: Url = LOCAL, token: Token = None, as_json: AsJson = False) -> None:
    """List every flag of the store."""
    listed = get(url, token, "flags")["flags"]
    if as_json:
        print_json(listed)
        return
    show_table(
        ("flag", "state", "gates", "guarded by"),
        ((flag["name"], _state(flag), _gates(flag), flag["guarded_by"]) for flag in listed),
    )


@flags.command("show")
@flags.command("get", hidden=True)
def show(name: Name, url: Url = LOCAL, token: Token = None, as_json: AsJson = False) -> None:
    """Show one flag."""
    _show(get(url, token, f"flags/{part(name)}"), as_json)


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
    if add:
        _confirm(f"{', '.join(add)} will be exposed to {name}", yes)
    for actor in remove or ():
        _act(url, token, name, "actors", reason, actor=actor, present=False)
    for actor in add or ():
        _act(url, token, name, "actors", reason, actor=actor, present=True)
    _show(get(url, token, f"flags/{part(name)}"), as_json)


@flags.command("snapshot")
def snapshot(name: Name, url: Url = LOCAL, token: Token = None) -> None:
    """Print a flag's exact gates, for `restore`."""
    print_json(get(url, token, f"flags/{part(name)}/snapshot"))


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
    try:
        rows = list(pages(Client(url, token), f"flags/{part(name)}/history", "writes", limit))
    except ApiError as cause:
        refused(cause)
    if as_json:
        print_json(rows)
        return
    show_table(
        ("when (UTC)", "who", "from", "to", "why"),
        (
            (time_text(row["at"]), row["by"], row["before"], row["after"], row["reason"])
            for row in rows
        ),
    )


def _write(
    url: str,
    token: str | None,
    name: str,
    verb: str,
    reason: str,
    to: Gates,
    yes: bool,
    as_json: bool,
    **more: Any,
) -> None:
    """Write what was looked at here, after asking where more people would be exposed."""
    seen = _gates(get(url, token, f"flags/{part(name)}"))
    if _exposes_more(name, seen, to):
        _confirm(f"{name}: {seen} -> {to}. More people will be exposed", yes)
    _show(_act(url, token, name, verb, reason, seen=seen.rows, **more), as_json)


def _act(
    url: str, token: str | None, name: str, verb: str, reason: str, **more: Any
) -> dict[str, Any]:
    view: dict[str, Any] = act(url, token, f"flags/{part(name)}/{verb}", reason, **more)
    if view["pending"]:
        give_up(
            f"{name} will be {view['pending']}: decided, but the store has not taken it yet. It is "
            "tried until it is written; see `tripflag flags show`",
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
    say(cell(text, LONGEST))
