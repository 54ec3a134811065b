"""The steps of one run, each beginning where the one before it ended."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.web.charts import svg
from daemon.web.charts.chart import WIDTH, Chart, Table, marked, ticks
from daemon.web.wording import seconds
from probes.model import Step

ROW = 38.0
BAR = 12.0
#: A journey of more steps is a table only from there on.
MAX_ROWS = 40


def waterfall(id: str, title: str, steps: Sequence[Step], whole_s: float) -> Chart | None:
    """Draw steps to scale over the run's `whole_s`; None where the run walked none.

    What is after the last bar is evidence being kept, and what lies between steps.
    """
    if not steps:
        return None
    drawn = steps[:MAX_ROWS]
    total_s = max(whole_s, sum(step.duration_s for step in steps)) or 1.0
    scale = ticks(total_s)
    per_s = (WIDTH - 40) / scale[-1]
    height = len(drawn) * ROW
    said = "; ".join(f"{step.name}: {step.outcome}, {seconds(step.duration_s)}" for step in drawn)
    root = svg.picture("waterfall", id, WIDTH, height + 24, title, said)
    for value in scale:
        x = value * per_s
        svg.add(root, "line", x1=x, x2=x, y1=0, y2=height, class_="guide")
        svg.add(root, "text", marked(value, seconds), x=max(x, 6.0), y=height + 17, class_="tick")
    offset_s = 0.0
    for place, step in enumerate(drawn):
        y, x = place * ROW, offset_s * per_s
        # A name that begins right of the middle would run out of the picture.
        late = x > WIDTH / 2
        at = min(x + step.duration_s * per_s, WIDTH - 4.0) if late else x
        label = f"{step.name} · {seconds(step.duration_s)}"
        svg.add(root, "text", label, x=at, y=y + 15, class_="name end" if late else "name")
        long = max(step.duration_s * per_s, 2.0)
        kind = f"cell {step.outcome}"
        svg.add(root, "rect", x=x, y=y + 20, width=long, height=BAR, rx=2, class_=kind)
        offset_s += step.duration_s
    return Chart(
        id=id,
        title=title,
        svg=svg.written(root),
        table=Table(
            ("Step", "Outcome", "Took"),
            tuple((step.name, str(step.outcome), seconds(step.duration_s)) for step in steps),
        ),
        notes=(f"{len(steps) - MAX_ROWS} more steps are in the table",)
        if len(steps) > MAX_ROWS
        else (),
    )
