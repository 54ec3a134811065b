"""Steps as bars: how long each takes, in the order in which a journey walks them."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

import pygal

from daemon.probe_figures import StepFigures
from daemon.web.charts import svg
from daemon.web.charts.chart import MAX_ABOVE, WIDTH, Chart, Table, marked, ticks
from daemon.web.charts.limits import Limit
from daemon.web.wording import seconds

ROW = 34
#: Longest step name beside its bars; the table has it whole.
MAX_NAME = 22


def step_bars(
    id: str, title: str, steps: Sequence[StepFigures], limits: Sequence[Limit]
) -> Chart | None:
    """Draw each step's median and p95; None where no run walked a step."""
    if not steps:
        return None
    top = max(step.p95_s or 0.0 for step in steps) or 1.0
    near = [each for each in limits if each.value <= top * MAX_ABOVE]
    scale = ticks(max([top, *(each.value for each in near)]) * 1.02)
    graph = pygal.HorizontalBar(
        width=WIDTH,
        height=len(steps) * ROW + 50,
        margin_left=12,
        margin_right=24,
        margin_top=8,
        margin_bottom=6,
        js=(),
        no_prefix=True,
        show_legend=False,
        strict=True,
        print_values=False,
        range=(0, scale[-1]),
        value_formatter=seconds,
    )
    # It draws from the bottom upwards; people walk downwards.
    walked = list(reversed(steps))
    graph.x_labels = [_short(step.name) for step in walked]
    graph.y_labels = [{"value": value, "label": marked(value, seconds)} for value in scale]
    graph.add("median", [step.p50_s for step in walked])
    graph.add("p95", [step.p95_s for step in walked])
    said = "; ".join(f"{step.name}: {seconds(step.p50_s)}" for step in steps)
    root = svg.from_pygal(graph, id, title, f"Median of each step. {said}", {0: "median", 1: "p95"})
    _draw(root, near, walked, scale[-1])
    by_step = {step.name: _limits(limits, step.name) for step in steps}
    return Chart(
        id=id,
        title=title,
        svg=svg.written(root),
        table=Table(
            ("Step", "Median", "p95", "Limit", "Came past it"),
            tuple(
                (
                    step.name,
                    seconds(step.p50_s),
                    seconds(step.p95_s),
                    by_step[step.name] or "—",
                    f"{step.passed} of {step.reached}",
                )
                for step in steps
            ),
        ),
        notes=tuple(f"{name}: limit {said}" for name, said in by_step.items() if said),
    )


def _draw(
    root: Element, limits: Sequence[Limit], walked: Sequence[StepFigures], highest: float
) -> None:
    """Draw each limit as a line across the two bars of its step."""
    plot = next(node for node in root.iter("g") if node.get("class") == "plot")
    guides = plot.findall("g[@class='axis x always_show']/g/path")
    left, right = (float(guides[at].get("d", "M0 0").split()[0][1:]) for at in (0, -1))
    there = [step.name for step in walked if step.p50_s is not None]
    above, below = (
        plot.findall(f"g[@class='series {tone}']/g/g/rect") for tone in ("median", "p95")
    )
    for limit in limits:
        for name, first, last in zip(there, above, below, strict=True):
            if limit.of == f"step {name}":
                x = left + (right - left) * limit.value / highest
                line = svg.add(
                    plot,
                    "line",
                    x1=x,
                    x2=x,
                    y1=float(first.get("y", 0)) - 3,
                    y2=float(last.get("y", 0)) + float(last.get("height", 0)) + 3,
                    class_=f"limit {limit.tone}",
                )
                svg.add(line, "title", f"{limit.label}: {seconds(limit.value)}")


def _short(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


def _limits(limits: Sequence[Limit], step: str) -> str:
    its = [limit for limit in limits if limit.of == f"step {step}"]
    return ", ".join(f"{seconds(limit.value)} ({limit.label})" for limit in its)
