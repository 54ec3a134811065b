"""Outcomes over time: one column per bucket, its colours by share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from daemon.probe_figures import Bucket
from daemon.web.charts import svg
from daemon.web.charts.chart import WIDTH, Chart, Table, stamps, time_ticks
from daemon.web.wording import utc
from probes.model import Outcome

HEIGHT = 32.0
#: A single failure among hundreds of runs must still be seen.
LEAST = 4.0
#: From the bottom upwards: what is wrong first.
ORDER = (Outcome.FAILED, Outcome.ERROR, Outcome.DEGRADED, Outcome.SKIPPED, Outcome.PASSED)


def outcome_strip(id: str, title: str, buckets: Sequence[Bucket], until: datetime) -> Chart | None:
    """Draw the outcomes of each bucket; None where nothing ran."""
    if not any(bucket.runs for bucket in buckets):
        return None
    since = buckets[0].at
    said = {each: sum(bucket.outcomes.get(each, 0) for bucket in buckets) for each in ORDER}
    words = ", ".join(f"{count} {outcome}" for outcome, count in said.items() if count)
    root = svg.picture(
        "strip", id, WIDTH, HEIGHT + 22, title, f"{words}, from {utc(since)} to {utc(until)}"
    )
    wide = WIDTH / len(buckets)
    for place, bucket in enumerate(buckets):
        if bucket.runs:
            column = svg.add(root, "g")
            svg.add(column, "title", f"{utc(bucket.at)}: {_words(bucket)}")
            y = HEIGHT
            for outcome, tall in _heights(bucket):
                y -= tall
                svg.add(
                    column,
                    "rect",
                    x=place * wide + 0.5,
                    y=y,
                    width=wide - 1.0,
                    height=tall,
                    class_=f"cell {outcome}",
                )
    span_s = (until - since).total_seconds()
    for at, label in time_ticks(since, until):
        x = (at - since).total_seconds() / span_s * WIDTH
        # At an edge half of it would be cut off.
        if 20 <= x <= WIDTH - 20:
            svg.add(root, "text", label, x=x, y=HEIGHT + 15, class_="tick")
    ran = [bucket for bucket in buckets if bucket.runs]
    return Chart(
        id=id,
        title=title,
        svg=svg.written(root),
        table=Table(
            ("From (UTC)", "Runs", *(str(outcome) for outcome in ORDER)),
            tuple(
                (at, str(bucket.runs), *(str(bucket.outcomes.get(each, 0)) for each in ORDER))
                for at, bucket in zip(stamps([each.at for each in ran]), ran, strict=True)
            ),
        ),
    )


def _heights(bucket: Bucket) -> list[tuple[Outcome, float]]:
    there = [outcome for outcome in ORDER if bucket.outcomes.get(outcome)]
    free = HEIGHT - LEAST * len(there)
    return [(each, LEAST + free * bucket.outcomes[each] / bucket.runs) for each in there]


def _words(bucket: Bucket) -> str:
    return ", ".join(
        f"{bucket.outcomes[each]} {each}" for each in ORDER if bucket.outcomes.get(each)
    )
