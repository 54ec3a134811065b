"""`tripflag circuits`: the named switches that applications read, and how to throw them by hand."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from daemon.cli.options import LOCAL, AsJson, Reason, Token, Url, act, get, part, print_json
from daemon.cli.terminal import cell, say, show_table, time_text

circuits = typer.Typer(
    help="Read circuits, and throw them by hand, through the daemon.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Circuit.")]


@circuits.command("list")
def list_circuits(url: Url = LOCAL, token: Token = None, as_json: AsJson = False) -> None:
    """List every circuit."""
    listed = get(url, token, "circuits")["circuits"]
    if as_json:
        print_json(listed)
        return
    show_table(
        ("circuit", "state", "since (UTC)", "failed", "why"),
        ((c["name"], c["phase"], _time(c["since"]), _share(c), c["why"]) for c in listed),
    )


@circuits.command("show")
@circuits.command("get", hidden=True)
def show(name: Name, url: Url = LOCAL, token: Token = None, as_json: AsJson = False) -> None:
    """Show one circuit."""
    _show(get(url, token, f"circuits/{part(name)}"), as_json)


@circuits.command("open")
def open_circuit(
    name: Name, reason: Reason, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """Open it and keep it open until you close it: applications use the fallback."""
    _show(act(url, token, f"circuits/{part(name)}/open", reason), as_json)


@circuits.command("close")
def close_circuit(
    name: Name, reason: Reason, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """Let go, for guards too: half-open, and its own probe closes or opens it."""
    _show(act(url, token, f"circuits/{part(name)}/close", reason), as_json)


def _show(circuit: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(circuit)
        return
    say(cell(f"{circuit['name']}: {circuit['phase']} since {_time(circuit['since'])}"))
    say(cell(f"  {circuit['why']}"))
    say(cell(f"  failed: {_share(circuit)}"))
    for keeper in circuit["kept_open_by"]:
        since = _time(keeper["at"])
        say(cell(f"  kept open by {keeper['by']} since {since}: {keeper['reason']}"))
    if circuit["next_change_at"] is not None:
        say(cell(f"  half-open at {_time(circuit['next_change_at'])}"))


def _share(circuit: dict[str, Any]) -> str:
    share = circuit["failure_share"]
    if share is None:
        return "no run counts"
    return f"{share:.0%} of {circuit['runs']} runs, limit {circuit['threshold']:.0%}"


def _time(text: str | None) -> str:
    return time_text(text, "ever")
