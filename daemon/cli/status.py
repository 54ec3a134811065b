"""`tripflag status`: the overview in the terminal, once or for as long as you look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.text import Text

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
from daemon.cli.terminal import WELL, ago, cell, on_off, phase_text, say, time_text

#: Exit code where nothing answers.
NO_DAEMON = 3

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Redraw as things change.")]


def status(
    watch: Watch = False, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """Show each guard, the open incidents, and what is wrong with the daemon itself.

    Exits with 0 if all is well, 1 if something was killed, is suspect or broken or has an open
    incident, 3 if no daemon answers.
    """
    if watch and as_json:
        give_up("--json is one look: leave --watch away, or read /api/v1/events", WRONG)
    try:
        client = Client(url, token)
        overview = client.get("overview")
    except ApiError as cause:
        if cause.status == 0:
            give_up(str(cause), NO_DAEMON)
        refused(cause)
    if watch:
        from daemon.cli.status_watch import watch_until_left

        watch_until_left(client, overview)
        return
    if as_json:
        print_json(overview)
    else:
        for line in lines(overview, datetime.fromisoformat(overview["now"])):
            say(line)
    raise typer.Exit(FAILED if needs_somebody(overview) else 0)


def needs_somebody(overview: dict[str, Any]) -> bool:
    """Tell whether a guard, an incident or the daemon itself wants a person."""
    phases = {guard["phase"] for guard in overview["guards"]}
    return bool(
        phases - WELL or _open(overview) or overview["problems"] or overview["store_problem"]
    )


def lines(overview: dict[str, Any], now: datetime | None) -> Iterator[Text]:
    """Write an overview, one line for each guard, incident and problem.

    Args:
        overview: what the API said.
        now: for saying how long something has been so; None: say since when.
    """
    guards = overview["guards"]
    wide = max((len(guard["name"]) for guard in guards), default=0)
    for guard in guards:
        yield _guard_line(guard, wide, now)
    for incident in _open(overview):
        taken = incident.get("acknowledged_by")
        whose = f"acknowledged by {taken}" if taken else "nobody has acknowledged it"
        since = _since(incident["opened_at"], now)
        text = f"incident {incident['id']} of {incident['guard']}, severity {incident['severity']}"
        yield cell(f"{text}, open {since}, {whose}: {incident['reason']}", style="bold red")
    if overview["store_problem"]:
        yield cell(f"flag store: {overview['store_problem']}", style="bold yellow")
    for name, problem in overview["problems"].items():
        yield cell(f"problem: {name}: {problem}", style="bold yellow")
    for flip in overview["pending_flips"]:
        owed = f"{flip['flag']} will be {on_off(flip['to'])}, tried {flip['attempts']} times"
        yield cell(f"not yet written: {owed}: {flip['error'] or 'under way'}", style="bold yellow")
    if lost := overview["evidence_lost"]:
        yield cell(f"evidence lost: {lost['problem']}", style="bold yellow")


def _guard_line(guard: dict[str, Any], wide: int, now: datetime | None) -> Text:
    line = phase_text(guard["phase"])
    line.pad_right(max(0, 20 - len(line)))
    line.append_text(cell(f"{guard['name']:<{wide}}  {on_off(guard['flag_value']):<8}"))
    line.append_text(cell(f"{_since(guard['since'], now):<23}  "))
    return line.append_text(cell(_why(guard), 200, "dim"))


def _since(at: str | None, now: datetime | None) -> str:
    if at is None:
        return "since the start"
    return f"since {time_text(at)[5:]}" if now is None else f"for {ago(at, now)}"


def _why(guard: dict[str, Any]) -> str:
    if guard["latched"]:
        return str(guard["latched"])
    if (hold := guard["hold"]) and guard["phase"] == "held":
        return f"held by {hold['by']}: {hold['reason']}"
    if kill := guard["kill"]:
        return f"{kill['by']}: {kill['failure'] or kill['reason']}"
    if suspicion := guard["suspicion"]:
        return f"{suspicion['probe']}: {suspicion['reason']}"
    return str(guard["says"])


def _open(overview: dict[str, Any]) -> list[dict[str, Any]]:
    told = (each["incident"] for each in overview["incidents"])
    return [incident for incident in told if incident["closed_at"] is None]
