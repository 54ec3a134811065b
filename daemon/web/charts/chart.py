"""What every chart is: a picture, what it says, and its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, floor, log10

from markupsafe import Markup

from daemon.web.wording import seconds

#: Sizes in the SVG's own units; the page scales the whole.
WIDTH = 600
FONT = 12
#: A limit so many times above all values would press them flat: it is put into words instead.
MAX_ABOVE = 3.0


@dataclass(frozen=True, slots=True)
class Table:
    """A chart's numbers, for those who do not see it, and for copying."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """`svg`: one `<svg role="img">`, safe in a page. `notes`: what the picture cannot hold."""

    id: str
    title: str
    svg: Markup
    table: Table
    notes: tuple[str, ...] = ()


def ticks(top: float, most: int = 5) -> tuple[float, ...]:
    """Return round numbers from 0 to the first at or above `top`, which must be above 0.

    Source: "Nice numbers for graph labels" (P. Heckbert, Graphics Gems, 1990).
    """
    rough = top / most
    size = 10.0 ** floor(log10(rough))
    step = next(size * nice for nice in (1, 2, 2.5, 5, 10) if size * nice >= rough * (1 - 1e-9))
    return tuple(round(step * n, 12) for n in range(ceil(round(top / step, 9)) + 1))


def marked(value: float, wording: Callable[[float], str]) -> str:
    """Write a value beside an axis: nothing needs no unit, and no two marks read the same."""
    if value == 0:
        return "0"
    if wording is seconds and value < 10 and abs(value - round(value, 1)) > 1e-9:
        return f"{value * 1000:.0f} ms" if value < 1 else f"{value:g} s"
    return wording(value)


def time_ticks(since: datetime, until: datetime) -> tuple[tuple[datetime, str], ...]:
    """Return at most eight round times in UTC, each with its label; midnights bear their date."""
    steps_s = (60, 300, 600, 900, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200, 86_400)
    first, last = since.timestamp(), until.timestamp()
    step = next((each for each in steps_s if (last - first) / each <= 7), steps_s[-1])
    start, count = ceil(first / step), floor(last / step)
    if count - start > 7:
        start = count - 7
    times = [datetime.fromtimestamp(n * step, UTC) for n in range(start, count + 1)]
    return tuple((at, f"{at:%b} {at.day}" if _midnight(at) else f"{at:%H:%M}") for at in times)


def _midnight(at: datetime) -> bool:
    return (at.hour, at.minute) == (0, 0)


def stamps(times: Sequence[datetime]) -> tuple[str, ...]:
    """Write times for a table, in UTC."""
    return tuple(f"{at.astimezone(UTC):%Y-%m-%d %H:%M}" for at in times)
