"""How numbers, times and states read on a page: Jinja's filters, and nothing that asks anybody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from daemon.circuit import CircuitPhase
from daemon.guard import Phase
from probes.text import bounded

#: What needs a person first, and what can wait until the morning.
URGENCY = (
    Phase.KILL_FAILED,
    Phase.LATCHED,
    Phase.POWERLESS,
    Phase.SITE_DOWN,
    Phase.BLIND,
    Phase.KILLED_UNVERIFIED,
    Phase.KILLING,
    Phase.KILLED,
    Phase.SUSPECT,
    Phase.PROBATION,
    Phase.HUMAN_OFF,
    Phase.HUMAN_ON,
    Phase.HELD,
    Phase.OBSERVE,
    Phase.ARMED,
)
#: What the tone of a phase is, of a guard's or a circuit's; each tone has a colour and a shape.
TONES: dict[str, str] = {
    Phase.ARMED: "calm",
    Phase.OBSERVE: "note",
    Phase.SUSPECT: "watch",
    Phase.KILLING: "watch",
    Phase.KILLED_UNVERIFIED: "watch",
    Phase.PROBATION: "watch",
    Phase.KILLED: "acted",
    Phase.BLIND: "warn",
    Phase.SITE_DOWN: "alarm",
    Phase.POWERLESS: "alarm",
    Phase.KILL_FAILED: "alarm",
    Phase.LATCHED: "alarm",
    Phase.HELD: "person",
    Phase.HUMAN_OFF: "person",
    Phase.HUMAN_ON: "person",
    CircuitPhase.CLOSED: "calm",
    CircuitPhase.OPEN: "acted",
    CircuitPhase.HALF_OPEN: "watch",
}
#: Colour alone does not tell everybody.
SHAPES = {
    "calm": "●",
    "note": "○",
    "watch": "◐",
    "acted": "■",
    "warn": "▲",
    "alarm": "✖",
    "person": "◆",
}


def seconds(value: float | None) -> str:
    """Write a duration as people read it: 84 ms, 4.3 s, 2 min 5 s."""
    if value is None:
        return "—"
    if value < 0.0995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 9.95 else span(value)


def pace(value: float) -> str:
    """Write an interval as it is configured, without a decimal that says nothing: 5 s, 2.5 s."""
    return span(value) if value == round(value) else seconds(value)


def span(value: float) -> str:
    """Write a long duration in its two biggest units."""
    whole = max(0, round(value))
    if whole < 60:
        return f"{whole} s"
    for size, unit, part, small in ((3600, "min", 60, "s"), (86_400, "h", 3600, "min")):
        if whole < size:
            return _two(whole, part, unit, 1 if part == 60 else 60, small)
    return _two(whole, 86_400, "d", 3600, "h")


def ago(at: datetime | None, now: datetime) -> str:
    """Write how long ago a time is."""
    return "—" if at is None else span((now - at).total_seconds())


def utc(at: datetime | None) -> str:
    """Write a time in full, in UTC."""
    return "—" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(at: datetime) -> str:
    """Write a time for machines; `live.js` shows it in the viewer's zone."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def on_off(value: bool | None) -> str:
    """Write a flag's value."""
    return {True: "on", False: "off", None: "unknown"}[value]


def phase_word(phase: str) -> str:
    """Write a phase in capitals, as it stands in the docs."""
    if phase == Phase.KILLED_UNVERIFIED:
        return "KILLED, UNVERIFIED"
    return str(phase).replace("_", " ").upper()


def tone(phase: str) -> str:
    """Return the tone of a phase, a guard's or a circuit's."""
    return TONES.get(phase, "warn")


def number(value: float) -> str:
    """Write a measured number in at most three places: 0.25, 12, 1450."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def stamp(at: datetime) -> str:
    """Write a time for a URL, without a `+` in it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def of(count: int, noun: str) -> str:
    """Write a count with its noun: 1 guard, 2 guards."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def shape(of_tone: str) -> str:
    """Return the shape of a tone."""
    return SHAPES.get(of_tone, "▲")


FILTERS: dict[str, Callable[..., str]] = {
    "seconds": seconds,
    "pace": pace,
    "span": span,
    "ago": ago,
    "utc": utc,
    "iso": iso,
    "on_off": on_off,
    "phase_word": phase_word,
    "tone": tone,
    "shape": shape,
    "number": number,
    "stamp": stamp,
    "of": of,
    # What a target sent: one line, bounded, without what steers a terminal or turns text round.
    "bounded": bounded,
}


def _two(whole: int, big: int, unit: str, part: int, small: str) -> str:
    rest = whole % big // part
    return f"{whole // big} {unit}" + (f" {rest} {small}" if rest else "")
