"""Lines over time, with the limits that they must keep drawn in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from xml.etree.ElementTree import Element

import pygal

from daemon.web.charts import svg
from daemon.web.charts.chart import (
    FONT,
    MAX_ABOVE,
    WIDTH,
    Chart,
    Table,
    marked,
    stamps,
    ticks,
    time_ticks,
)
from daemon.web.charts.limits import Limit
from daemon.web.wording import utc

HEIGHT = 230
#: Without the axes' labels: pygal adds room for those.
MARGINS = {"margin_left": 14, "margin_right": 16, "margin_top": 12, "margin_bottom": 6}
#: More points than this need no dots: the line shows them.
MAX_DOTS = 90
#: So far apart are the labels of two limits.
LABEL_GAP = 17.0


@dataclass(frozen=True, slots=True)
class Line:
    """One value per bucket; None: nothing was measured, and the line has a gap."""

    label: str
    tone: str
    values: tuple[float | None, ...]


def over_time(
    id: str,
    title: str,
    times: Sequence[datetime],
    until: datetime,
    lines: Sequence[Line],
    limits: Sequence[Limit],
    wording: Callable[[float], str],
) -> Chart | None:
    """Draw lines over time, from the first of `times` to `until`; None where nothing was measured.

    Args:
        id: of the picture, unique in its page.
        times: where the buckets begin, evenly spaced.
        limits: all that apply; those far above the lines are put into words.
        wording: writes a value with its unit.
    """
    shown = [value for line in lines for value in line.values if value is not None]
    if not shown:
        return None
    near = max(0.0, *shown) * MAX_ABOVE
    drawn = [each for each in limits if each.value <= near]
    far = [each for each in limits if each not in drawn]
    shown += [each.value for each in drawn]
    bottom = min(0.0, *shown)
    scale = ticks(max(0.0, *shown) * 1.05 or 1.0)
    graph = _graph(times, until, scale, bottom, wording)
    half = (until - times[0]) / len(times) / 2
    middle = [(at + half).timestamp() for at in times]
    for line in lines:
        dots = sum(value is not None for value in line.values) <= MAX_DOTS
        graph.add(line.label, list(zip(middle, line.values, strict=True)), show_dots=dots)
    for limit in drawn:
        ends = (times[0].timestamp(), until.timestamp())
        graph.add(limit.label, [(at, limit.value) for at in ends], show_dots=False)
    tones = [line.tone for line in lines] + [f"limit {each.tone}" for each in drawn]
    root = svg.from_pygal(graph, id, title, _says(lines, limits, wording), dict(enumerate(tones)))
    _label(root, drawn, wording)
    rows = zip(stamps(times), *(line.values for line in lines), strict=True)
    return Chart(
        id=id,
        title=title,
        svg=svg.written(root),
        table=Table(
            ("From (UTC)", *(line.label for line in lines)),
            tuple(
                (at, *("—" if value is None else wording(value) for value in values))
                for at, *values in rows
                if any(value is not None for value in values)
            ),
        ),
        notes=tuple(f"{each.label} {wording(each.value)}: far above what is drawn" for each in far),
    )


def _graph(
    times: Sequence[datetime],
    until: datetime,
    scale: tuple[float, ...],
    bottom: float,
    wording: Callable[[float], str],
) -> pygal.XY:
    graph = pygal.XY(
        width=WIDTH,
        height=HEIGHT,
        **MARGINS,
        js=(),
        no_prefix=True,
        show_legend=False,
        # No adapters: every value is a float or None already, and they cost half of the time.
        strict=True,
        allow_interruptions=True,
        dots_size=2.5,
        xrange=(times[0].timestamp(), until.timestamp()),
        range=(bottom, scale[-1]),
        x_value_formatter=lambda at: utc(datetime.fromtimestamp(at, until.tzinfo)),
        value_formatter=wording,
    )
    graph.x_labels = [
        {"value": at.timestamp(), "label": label} for at, label in time_ticks(times[0], until)
    ]
    graph.y_labels = [{"value": value, "label": marked(value, wording)} for value in scale]
    return graph


def _says(lines: Sequence[Line], limits: Sequence[Limit], wording: Callable[[float], str]) -> str:
    said = []
    for line in lines:
        there = [value for value in line.values if value is not None]
        if there:
            ends = (wording(min(there)), wording(max(there)), wording(there[-1]))
            said.append("{}: {} to {}, last {}".format(line.label, *ends))
    said += [f"{limit.label}: {wording(limit.value)}" for limit in limits]
    return "; ".join(said)


def _label(root: Element, drawn: Sequence[Limit], wording: Callable[[float], str]) -> None:
    """Write each limit's name over its line, no two upon each other."""
    plot = next(node for node in root.iter("g") if node.get("class") == "plot")
    series = [node for node in plot.iter("g") if "limit" in node.get("class", "").split()]
    heights = []
    for node, limit in zip(series, drawn, strict=True):
        path = node.find("path")
        if path is not None:
            y = float(path.get("d", "M0 0 L").split()[1])
            heights.append((y, limit))
    heights.sort(key=lambda each: each[0])
    places = [y - 4 for y, _ in heights]
    for upper, lower in pairwise(range(len(places))):
        places[lower] = max(places[lower], places[upper] + LABEL_GAP)
    room = plot.find("rect")
    right = (WIDTH if room is None else float(room.get("width", WIDTH))) - 4
    for place, (_, limit) in zip(places, heights, strict=True):
        text = f"{limit.label} {wording(limit.value)}"
        svg.add(
            plot, "text", text, x=right, y=max(place, float(FONT)), class_=f"of-limit {limit.tone}"
        )
