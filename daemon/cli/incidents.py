"""`tripflag incidents`: what happened to users, who took it, and what to tell people."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.cli.client import ApiError, Client, user
from daemon.cli.options import (
    LOCAL,
    WRONG,
    AsJson,
    Reason,
    Token,
    Url,
    act,
    get,
    give_up,
    part,
    print_json,
    refused,
)
from daemon.cli.runs import pages
from daemon.cli.terminal import ago, cell, on_off, say, show_table, time_text

incidents = typer.Typer(
    help="What happened to users, and what to tell people.", no_args_is_help=True
)

Id = Annotated[str, typer.Argument(metavar="ID", help="Incident, as `incidents list` names it.")]
OnlyOpen = Annotated[
    bool | None, typer.Option("--open/--over", help="Only those.", show_default=False)
]
OfGuard = Annotated[str | None, typer.Option(help="Only of this guard.")]
Newest = Annotated[int, typer.Option(min=1, help="Newest so many.")]
Text = Annotated[str, typer.Argument(help="One line, for the others and the post-mortem.")]
Grade = Annotated[int, typer.Argument(min=1, max=4, help="1 critical .. 4 low.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write it into this file; default: print it.")
]


@incidents.command("list")
def list_incidents(
    only_open: OnlyOpen = None,
    guard: OfGuard = None,
    limit: Newest = 50,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """List incidents, newest first."""
    wanted = None if only_open is None else str(only_open).lower()
    try:
        client = Client(url, token)
        listed = list(pages(client, "incidents", "incidents", limit, open=wanted, guard=guard))
    except ApiError as cause:
        refused(cause)
    if as_json:
        print_json(listed)
        return
    show_table(
        ("incident", "severity", "cause", "opened (UTC)", "state", "acknowledged", "why"),
        (
            (
                each["id"],
                each["severity"],
                each["cause"],
                time_text(each["opened_at"]),
                _state(each),
                _taken(each),
                cell(each["reason"], 120),
            )
            for each in listed
        ),
    )


@incidents.command("show")
def show(incident: Id, url: Url = LOCAL, token: Token = None, as_json: AsJson = False) -> None:
    """Show one incident whole: its kills, its timeline, and messages to copy."""
    whole = get(url, token, f"incidents/{part(incident)}")
    if as_json:
        print_json(whole)
        return
    _show(whole)
    for trip in whole["trips"]:
        say(cell(f"kill of {trip['flag']} ({on_off(trip['to'])}) by {trip['by']}: {_rungs(trip)}"))
    say("timeline (UTC)")
    for line in whole["timeline"]:
        who = f"{line['by']}: " if line["by"] is not None else ""
        first, _, more = line["text"].partition("\n")
        say(cell(f"  {time_text(line['at'])}  {who}{first}{' ...' if more else ''}"))
    for name in ("opening", "update", "resolved", "status_page"):
        if whole["messages"][name] is not None:
            say(f"message: {name.replace('_', ' ')}")
            for text in whole["messages"][name].split("\n"):
                say(cell(f"  {text}"))


@incidents.command("ack")
def acknowledge(
    incident: Id, reason: Reason, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """Take it: the clock stops, and the others see your name."""
    _done(act(url, token, f"incidents/{part(incident)}/acknowledge", reason), as_json)


@incidents.command("note")
def note(
    incident: Id, text: Text, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """Add a line to its timeline, in your name."""
    _done(act(url, token, f"incidents/{part(incident)}/note", text=text, by=user()), as_json)


@incidents.command("severity")
def severity(
    incident: Id,
    to: Grade,
    reason: Reason,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Say how grave it is; the time to acknowledge it moves along."""
    _done(act(url, token, f"incidents/{part(incident)}/severity", reason, severity=to), as_json)


@incidents.command("resolve")
def resolve(
    incident: Id, reason: Reason, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """Close one that no guard holds open; for the others it says what closes them."""
    _done(act(url, token, f"incidents/{part(incident)}/resolve", reason), as_json)


@incidents.command("postmortem")
def postmortem(incident: Id, output: Output = None, url: Url = LOCAL, token: Token = None) -> None:
    """Write what is on record as a post-mortem in Markdown, with headings for the rest."""
    path = f"incidents/{part(incident)}/postmortem.md"
    try:
        client = Client(url, token)
        if output is None:
            print(client.text(path), end="")  # noqa: T201 - the command's output
            return
        size = client.download(path, output)
    except ApiError as cause:
        refused(cause)
    except OSError as cause:
        give_up(f"cannot write {output} ({cause.strerror}): give another file with -o", WRONG)
    say(f"{output}: {size} bytes")


def _done(whole: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(whole)
    else:
        _show(whole)


def _show(whole: dict[str, Any]) -> None:
    told = whole["incident"]
    say(cell(f"{told['id']}  severity {told['severity']}  {told['cause']}  {_state(told)}"))
    say(cell(f"  {told['reason']}"))
    say(cell(f"  acknowledged: {_taken(told)}"))
    if told["closing"] is not None:
        say(cell(f"  ended: {told['closing']}"))
    if whole["held_open"]:
        say(cell(f"  {whole['held_open']}"))


def _state(told: dict[str, Any]) -> str:
    if told["closed_at"] is not None:
        return f"over since {time_text(told['closed_at'])}"
    return f"open for {ago(told['opened_at'], datetime.now(UTC))}"


def _taken(told: dict[str, Any]) -> str:
    if told["acknowledged_at"] is not None:
        return f"{told['acknowledged_by']}, {time_text(told['acknowledged_at'])}"
    if told["closed_at"] is not None:
        return "by nobody"
    due = time_text(told["ack_due_at"])
    return f"OVERDUE since {due}" if told["overdue"] else f"due by {due}"


def _rungs(trip: dict[str, Any]) -> str:
    names = ("first_failed_at", "decided_at", "written_at", "failed_at", "verified_at")
    told = [
        f"{name[:-3].replace('_', ' ')} {time_text(trip[name])}" for name in names if trip[name]
    ]
    proven = "" if trip["took_s"] is None else f"; proven after {trip['took_s']:.1f} s"
    return ", ".join(told) + proven
