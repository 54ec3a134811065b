"""`tripflag guards`: what each guard thinks, and an operator's word to one."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from daemon.cli.options import LOCAL, AsJson, Reason, Token, Url, act, get, part, print_json
from daemon.cli.terminal import ago, cell, on_off, phase_text, say, show_table, time_text

guards = typer.Typer(
    help="What each guard thinks, and an operator's word to one.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Guard.")]
Minutes = Annotated[
    float | None, typer.Option(min=0.1, help="Default: until released.", show_default=False)
]


class Mode(StrEnum):
    """`configured`: whatever the configuration says."""

    OBSERVE = "observe"
    ENFORCE = "enforce"
    CONFIGURED = "configured"


@guards.command("list")
def list_guards(url: Url = LOCAL, token: Token = None, as_json: AsJson = False) -> None:
    """List every guard: its phase, its flag, and what stands between it and its act."""
    listed = get(url, token, "guards")["guards"]
    if as_json:
        print_json(listed)
        return
    now = datetime.now(UTC)
    show_table(
        ("guard", "phase", "mode", "flag", "value", "for", "what it waits for"),
        (
            (
                guard["name"],
                phase_text(guard["phase"]),
                guard["mode"],
                guard["flag"],
                on_off(guard["flag_value"]),
                ago(guard["since"], now),
                "; ".join(guard["blockers"]) or "nothing",
            )
            for guard in listed
        ),
    )


@guards.command("show")
def show(name: Name, url: Url = LOCAL, token: Token = None, as_json: AsJson = False) -> None:
    """Show one guard whole, with its newest lines."""
    guard = get(url, token, f"guards/{part(name)}")
    if as_json:
        print_json(guard)
        return
    since = time_text(guard["since"])
    say(cell(f"{guard['name']}  ").append_text(phase_text(guard["phase"])).append(f"  {since}"))
    say(cell(f"  {guard['says']}"))
    for label, value in _facts(guard):
        say(cell(f"  {label + ':':<12}{value}"))
    for line in guard["timeline"]:
        say(cell(f"  {time_text(line['at'])}  {line['text']}"))


@guards.command("trip")
def trip(
    name: Name, reason: Reason, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """Do the guard's act now, at your word."""
    _ask(url, token, name, "trip", reason, as_json)


@guards.command("reset")
def reset(
    name: Name, reason: Reason, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """Put back exactly what the guard's last trip found: users are exposed again."""
    _ask(url, token, name, "reset", reason, as_json)


@guards.command("hold")
def hold(
    name: Name,
    reason: Reason,
    minutes: Minutes = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Keep the guard's hands off."""
    more = {} if minutes is None else {"for_s": minutes * 60}
    _ask(url, token, name, "hold", reason, as_json, **more)


@guards.command("release")
def release(
    name: Name, reason: Reason, url: Url = LOCAL, token: Token = None, as_json: AsJson = False
) -> None:
    """End a hold."""
    _ask(url, token, name, "release", reason, as_json)


@guards.command("mode")
def mode(
    name: Name,
    to: Annotated[Mode, typer.Argument(help="observe: it decides, but writes nothing.")],
    reason: Reason,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Let the guard observe or enforce, over the configuration, until `configured`."""
    _ask(url, token, name, "mode", reason, as_json, mode=to.value)


def _ask(
    url: str, token: str | None, name: str, verb: str, reason: str, as_json: bool, **more: Any
) -> None:
    guard = act(url, token, f"guards/{part(name)}/{verb}", reason, **more)
    if as_json:
        print_json(guard)
        return
    suffix = f", mode {guard['mode']}" if verb == "mode" else ""
    say(cell(f"{guard['name']}: {guard['phase']}{suffix}"))


def _facts(guard: dict[str, Any]) -> list[tuple[str, str]]:
    facts = [
        ("flag", f"{guard['flag']} is {on_off(guard['flag_value'])}, mode {guard['mode']}"),
        ("waits for", "; ".join(guard["blockers"]) or "nothing: it acts"),
    ]
    if by := guard.get("mode_set_by"):
        configured = f"the configuration says {guard['mode_configured']}"
        facts.append(("mode", f"set by {by}: {guard['mode_reason']}; {configured}"))
    if kill := guard["kill"]:
        facts.append(("kill", f"by {kill['by']}: {kill['reason']}"))
        rungs = ("decided", "written", "verified")
        ladder = ((rung, kill[f"{rung}_at"], kill[f"{rung}_after_s"]) for rung in rungs)
        told = (f"{rung} {time_text(at)} (+{s:.1f} s)" for rung, at, s in ladder if at)
        facts.append(("ladder", ", ".join(told)))
        if kill["failure"]:
            facts.append(("failure", kill["failure"]))
    if hold := guard["hold"]:
        until = time_text(hold["until"], "released")
        facts.append(("hold", f"by {hold['by']} until {until}: {hold['reason']}"))
    if guard["latched"]:
        facts.append(("latched", guard["latched"]))
    if incident := guard["incident"]:
        facts.append(("incident", f"{incident['id']} since {time_text(incident['opened_at'])}"))
    return facts
