"""PURE: rows of a probe's runs, folded into what its page draws."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from probes.model import Exposure, Outcome, Purpose, Step

#: Lengths that the page offers: name -> whole window and its buckets, in seconds.
WINDOWS = {"1h": (3600, 120), "6h": (21_600, 300), "24h": (86_400, 1200), "7d": (604_800, 7200)}
MAX_STEPS = 30
VITALS = ("ttfb_s", "fcp_s", "lcp_s", "inp_s", "cls", "fid_s", "tbt_s", "tti_s")
#: Google judges a vital by its 75th percentile (web.dev/articles/vitals).
VITALS_QUANTILE = 0.75


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` (in it) to `until` (not in it), cut into buckets at whole multiples of time."""

    since: datetime
    until: datetime
    bucket_s: int

    @classmethod
    def named(cls, name: str, now: datetime) -> Window:
        """Return one of `WINDOWS` that ends with the bucket in which `now` lies.

        Raises:
            KeyError: there is none of that name.
        """
        span_s, bucket_s = WINDOWS[name]
        end = (math.floor(now.timestamp() / bucket_s) + 1) * bucket_s
        until = datetime.fromtimestamp(end, UTC)
        return cls(until - timedelta(seconds=span_s), until, bucket_s)

    @property
    def starts(self) -> tuple[datetime, ...]:
        """Times at which the buckets begin."""
        count = round((self.until - self.since).total_seconds() / self.bucket_s)
        return tuple(self.since + timedelta(seconds=self.bucket_s * n) for n in range(count))


@dataclass(frozen=True, slots=True)
class Row:
    """A run as its columns tell it. `number`: SQLite's; `bucket`: its bucket's place in time."""

    number: int
    id: str
    started_at: datetime
    bucket: int
    outcome: Outcome
    purpose: Purpose
    duration_s: float

    @property
    def came_through(self) -> bool:
        """True where its duration is the target's, and no time-out's."""
        return self.outcome in (Outcome.PASSED, Outcome.DEGRADED)


@dataclass(frozen=True, slots=True)
class Whole:
    """A run with those parts of its document that are drawn."""

    row: Row
    reason: str
    failure: str | None
    vitals: dict[str, float | None]
    steps: tuple[Step, ...]
    exposure: Exposure | None
    value: float | None


@dataclass(frozen=True, slots=True)
class Bucket:
    """What happened in one slice of time; durations are of the runs that came through.

    `vitals`: the 75th percentile of each that was measured. `value`: the median of what a probe of
    one number measured.
    """

    at: datetime
    outcomes: dict[Outcome, int] = field(default_factory=dict)
    p50_s: float | None = None
    p95_s: float | None = None
    vitals: dict[str, float] = field(default_factory=dict)
    value: float | None = None

    @property
    def runs(self) -> int:
        """Runs of any outcome."""
        return sum(self.outcomes.values())


@dataclass(frozen=True, slots=True)
class StepFigures:
    """One step of the runs that reached it. `passed` of them got past it; durations are theirs,
    None where there are none.
    """

    name: str
    reached: int
    passed: int
    p50_s: float | None
    p95_s: float | None


@dataclass(frozen=True, slots=True)
class ExposureShare:
    """So many runs whose page was told `value` and did, or did not, show the flagged thing."""

    value: bool | None
    rendered: bool | None
    runs: int


def quantile(values: Iterable[float], share: float) -> float | None:
    """Return the nearest-rank quantile, as `daemon.rules` does: a value that was measured.

    None where there are no values.
    """
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(1, math.ceil(round(share * len(ordered), 9))) - 1]


def buckets(window: Window, rows: Sequence[Row], judged: Sequence[Whole]) -> tuple[Bucket, ...]:
    """Fold runs into the window's buckets, oldest first; those without a run are empty."""
    outcomes: dict[int, Counter[Outcome]] = defaultdict(Counter)
    took: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        outcomes[row.bucket][row.outcome] += 1
        if row.came_through:
            took[row.bucket].append(row.duration_s)
    measured: dict[tuple[int, str], list[float]] = defaultdict(list)
    for whole in judged:
        for name, value in (*whole.vitals.items(), ("value", whole.value)):
            if value is not None:
                measured[whole.row.bucket, name].append(value)

    def bucket(at: datetime) -> Bucket:
        place = int(at.timestamp()) // window.bucket_s
        vitals = {
            name: quantile(measured.get((place, name), ()), VITALS_QUANTILE) for name in VITALS
        }
        return Bucket(
            at=at,
            outcomes=dict(outcomes.get(place, {})),
            p50_s=quantile(took.get(place, ()), 0.5),
            p95_s=quantile(took.get(place, ()), 0.95),
            vitals={name: value for name, value in vitals.items() if value is not None},
            value=quantile(measured.get((place, "value"), ()), 0.5),
        )

    return tuple(bucket(at) for at in window.starts)


def steps(judged: Sequence[Whole]) -> tuple[StepFigures, ...]:
    """Fold the steps of runs that judge, in the order in which a journey walks them."""
    seen: dict[str, list[Step]] = defaultdict(list)
    places: dict[str, list[int]] = defaultdict(list)
    for whole in judged:
        for place, step in enumerate(whole.steps[:MAX_STEPS]):
            seen[step.name].append(step)
            places[step.name].append(place)
    # Not the order of one run: a short one may have skipped what others walk.
    walked = sorted(seen, key=lambda name: sum(places[name]) / len(places[name]))
    return tuple(_step(name, seen[name]) for name in walked[:MAX_STEPS])


def _step(name: str, found: list[Step]) -> StepFigures:
    passed = [step.duration_s for step in found if step.outcome is not Outcome.FAILED]
    return StepFigures(name, len(found), len(passed), quantile(passed, 0.5), quantile(passed, 0.95))


def exposures(docs: Iterable[Whole]) -> tuple[ExposureShare, ...]:
    """Count what pages were told and showed, most common first; of runs that watch a flag."""
    found = Counter(
        (whole.exposure.value, whole.exposure.rendered) for whole in docs if whole.exposure
    )
    return tuple(ExposureShare(*key, runs) for key, runs in found.most_common())
