"""`tripflag circuits`: the named switches that applications read, and how to throw them by hand."""

from __future__ import annotations

import json
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from daemon.cli.client import ApiError, Client
from daemon.cli.options import CONFLICT, FAILED, LOCAL, AsJson, Reason, Token, Url

circuits = typer.Typer(
    help="Read circuits, and throw them by hand, through the daemon.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Circuit.")]

out = Console()


@circuits.command("list")
def list_circuits(url: Url = LOCAL, token: Token = None, as_json: AsJson = False) -> None:
    """List every circuit."""
    listed = _get(url, token, "circuits")["circuits"]
    if as_json:
        _print_json(listed)
        return
    table = Table("circuit", "state", "since (UTC)", "failed", "why")
    for circuit in listed:
        cells = (circuit["name"], circuit["phase"], _time(circuit["since"]), _share(circuit))
        # As text: in a plain string, rich would read brackets of a target's as markup.
        table.add_row(*cells, Text(circuit["why"]))
    out.print(table)


@circuits.command("get")
def get_circuit(name: Name, url: Url = LOCAL, token: Token = None, as_json: AsJson = False) -> None:
    """Show one circuit."""
    _show(_get(url, token, f"circuits/{name}"), as_json)


@circuits.command("open")
def open_circuit(
    name: Name, reason: Reason, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """Open it and keep it open until you close it: applications use the fallback."""
    _show(_act(url, token, name, "open", reason), as_json)


@circuits.command("close")
def close_circuit(
    name: Name, reason: Reason, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """Let go, for guards too: half-open, and its own probe closes or opens it."""
    _show(_act(url, token, name, "close", reason), as_json)


def _show(circuit: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(circuit)
        return
    lines = [f"{circuit['name']}: {circuit['phase']} since {_time(circuit['since'])}"]
    lines += [f"  {circuit['why']}", f"  failed: {_share(circuit)}"]
    for keeper in circuit["kept_open_by"]:
        since = _time(keeper["at"])
        lines.append(f"  kept open by {keeper['by']} since {since}: {keeper['reason']}")
    if circuit["next_change_at"] is not None:
        lines.append(f"  half-open at {_time(circuit['next_change_at'])}")
    out.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _share(circuit: dict[str, Any]) -> str:
    share = circuit["failure_share"]
    if share is None:
        return "no run counts"
    return f"{share:.0%} of {circuit['runs']} runs, limit {circuit['threshold']:.0%}"


def _time(text: str | None) -> str:
    return "ever" if text is None else text[:19].replace("T", " ")


def _act(url: str, token: str | None, name: str, verb: str, reason: str) -> dict[str, Any]:
    try:
        view: dict[str, Any] = Client(url, token).act(f"circuits/{name}/{verb}", reason)
    except ApiError as cause:
        _give_up(str(cause), CONFLICT if cause.status == 409 else FAILED)
    return view


def _get(url: str, token: str | None, path: str) -> Any:
    try:
        return Client(url, token).get(path)
    except ApiError as cause:
        _give_up(str(cause))


def _print_json(document: object) -> None:
    print(json.dumps(document, indent=2))  # noqa: T201 - the command's output


def _give_up(text: str, code: int = FAILED) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
