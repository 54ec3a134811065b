"""`tripflag probes`: what is run, how it went, and whether it runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from daemon.cli.options import LOCAL, AsJson, Reason, Token, Url, act, get, part, print_json
from daemon.cli.terminal import ago, cell, outcome_text, say, show_table, time_text

probes = typer.Typer(help="What is run, how it went, and whether it runs.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Probe.")]
Minutes = Annotated[
    float | None, typer.Option(min=0.1, help="Default: until resumed.", show_default=False)
]


@probes.command("list")
def list_probes(url: Url = LOCAL, token: Token = None, as_json: AsJson = False) -> None:
    """List every probe with its newest run at each location."""
    listed = get(url, token, "probes")["probes"]
    if as_json:
        print_json(listed)
        return
    now = datetime.now(UTC)
    show_table(
        ("probe", "what", "pace", "location", "newest run", "ago", "why"),
        (row for probe in listed for row in _rows(probe, now)),
    )


@probes.command("show")
def show(name: Name, url: Url = LOCAL, token: Token = None, as_json: AsJson = False) -> None:
    """Show one probe with its newest runs."""
    probe = get(url, token, f"probes/{part(name)}")
    if as_json:
        print_json(probe)
        return
    say(cell(f"{probe['name']}: {probe['kind']} {probe['what']} on {probe['target']}"))
    say(cell(f"  pace: {_pace(probe)}, timeout {probe['timeout_s']:g} s"))
    for use in probe["used_by"]:
        say(cell(f"  {use['role']} of guard {use['guard']}"))
    if paused := probe.get("paused"):
        until = time_text(paused["until"], "resumed")
        say(cell(f"  paused by {paused['by']} until {until}: {paused['reason']}"))
    show_table(
        ("run", "location", "started (UTC)", "purpose", "outcome", "took"),
        (
            (
                mark["id"],
                place["location"],
                time_text(mark["started_at"]),
                mark["purpose"],
                outcome_text(mark["outcome"]),
                f"{mark['duration_s']:.2f} s",
            )
            for place in probe["locations"]
            for mark in place["recent"]
        ),
    )


@probes.command("pause")
def pause(
    name: Name,
    reason: Reason,
    minutes: Minutes = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Run it by hand only. Its guards become BLIND when it has been silent for too long."""
    more: dict[str, Any] = {} if minutes is None else {"for_s": minutes * 60}
    told = act(url, token, f"probes/{part(name)}/pause", reason, **more)
    until = "until resumed" if minutes is None else f"for {minutes:g} minutes"
    _done(told, as_json, f"{name}: paused {until}; its guards become BLIND when it is silent")


@probes.command("resume")
def resume(
    name: Name, reason: Reason, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """End a pause."""
    told = act(url, token, f"probes/{part(name)}/resume", reason)
    _done(told, as_json, f"{name}: runs again")


@probes.command("baseline")
def baseline(
    name: Name, reason: Reason, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """Accept the accessibility violations of a probe's newest run: only others are new then."""
    told = act(url, token, f"probes/{part(name)}/baseline", reason)
    _done(told, as_json, f"{name}: {told['accepted']} violations accepted")


def _done(told: Any, as_json: bool, text: str) -> None:
    if as_json:
        print_json(told)
    else:
        say(cell(text))


def _rows(probe: dict[str, Any], now: datetime) -> list[tuple[object, ...]]:
    rows = []
    for place in probe["locations"]:
        last = place["last"]
        newest = ("none yet", "", "") if last is None else _newest(last, now)
        rows.append((probe["name"], probe["what"], _pace(probe), place["location"], *newest))
    return rows


def _newest(last: dict[str, Any], now: datetime) -> tuple[object, ...]:
    return outcome_text(last["outcome"]), ago(last["started_at"], now), cell(last["reason"], 120)


def _pace(probe: dict[str, Any]) -> str:
    if probe.get("paused"):
        return "paused"
    if probe["pace"] == "on_demand":
        return "on demand"
    fast = probe["pace"] == "fast"
    every = probe["fast_interval_s"] if fast else probe["interval_s"]
    return f"every {every:g} s{', fast' if fast else ''}"
