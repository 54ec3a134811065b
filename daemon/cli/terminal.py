"""How things read on a terminal: shapes and colours, times, tables; nothing that steers it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from probes.text import bounded

#: Longest text of a target's in one cell or line.
WIDE = 400
PIPE_WIDTH = 2000
#: Most spaces at either end of a text that may be layout.
INDENT = 24

#: Shape and colour of a phase; the pages' own (`daemon.web.wording`), whose import takes seconds.
PHASES = {
    "armed": ("●", "green"),
    "observe": ("○", "cyan"),
    "suspect": ("◐", "yellow"),
    "killing": ("◐", "yellow"),
    "killed_unverified": ("◐", "yellow"),
    "probation": ("◐", "yellow"),
    "killed": ("■", "blue"),
    "blind": ("▲", "yellow"),
    "site_down": ("✖", "red"),
    "powerless": ("✖", "red"),
    "kill_failed": ("✖", "red"),
    "latched": ("✖", "red"),
    "held": ("◆", "magenta"),
    "human_off": ("◆", "magenta"),
    "human_on": ("◆", "magenta"),
}
OUTCOMES = {
    "passed": ("✓", "green"),
    "degraded": ("~", "yellow"),
    "failed": ("✗", "red"),
    "error": ("!", "magenta"),
    "skipped": ("-", "dim"),
}
#: Phases in which nobody needs to come. A hold and a person's own value are somebody's wish.
WELL = frozenset({"armed", "observe", "held", "human_off", "human_on"})

out = Console(highlight=False)


def cell(value: object, limit: int = WIDE, style: str = "") -> Text:
    """Make a text that rich reads no markup in and a terminal obeys nothing of.

    Spaces at its ends stay: they are how lines are laid out.
    """
    text = "" if value is None else str(value)
    inner = bounded(text, limit)
    if not inner:
        return Text(text if text.isspace() and text.isprintable() else "", style)
    before = len(text) - len(text.lstrip(" "))
    after = len(text) - len(text.rstrip(" "))
    return Text(f"{' ' * min(before, INDENT)}{inner}{' ' * min(after, INDENT)}", style)


def phase_text(phase: str) -> Text:
    """Write a phase with its shape, so that it reads without its colour."""
    shape, colour = PHASES.get(phase, ("▲", "yellow"))
    return cell(f"{shape} {phase.replace('_', ' ').upper()}", style=f"bold {colour}")


def outcome_text(outcome: str) -> Text:
    """Write an outcome with its shape."""
    shape, colour = OUTCOMES.get(outcome, ("?", ""))
    return cell(f"{shape} {outcome}", style=colour)


def on_off(value: bool | None) -> str:
    """Write a flag's value."""
    return {True: "on", False: "off", None: "unknown"}[value]


def time_text(iso: str | None, absent: str = "") -> str:
    """Write a time of the API's, in UTC, to the second."""
    if iso is None:
        return absent
    at = datetime.fromisoformat(iso).astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}"


def ago(iso: str | None, now: datetime) -> str:
    """Write how long ago a time of the API's is, in its biggest unit."""
    if iso is None:
        return ""
    seconds = max(0, round((now - datetime.fromisoformat(iso)).total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def show_table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table; what is no rich text becomes a harmless one."""
    table = Table(*heads, box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for row in rows:
        table.add_row(*(each if isinstance(each, Text) else cell(each) for each in row))
    # Into a pipe nothing may be cut to a terminal's width: another program reads it.
    (out if out.is_terminal else Console(width=PIPE_WIDTH)).print(table)


def say(text: str | Text, style: str = "") -> None:
    """Print one line, bounded only where its maker bounded it."""
    line = text if isinstance(text, Text) else Text(text, style)
    out.print(line, soft_wrap=True)
