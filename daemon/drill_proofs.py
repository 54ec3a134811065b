"""What drills have proven, by guard: read back from the journal, and shown in the metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from config.schema import Config, DrillSpec
from daemon import drill_history
from daemon.drill_metrics import DrillMetrics
from daemon.drill_report import Report
from daemon.journal import Journal


@dataclass(frozen=True, slots=True)
class Past:
    """What the journal has of a guard's drills; None: there was none.

    `proven_at`: when the last good one began. `judged`: the newest that says something.
    """

    proven_at: datetime | None
    judged: Report | None


class Proofs:
    """Owns when each guard was last proven. Whoever owns this object says who may write when."""

    def __init__(
        self, journal: Journal, metrics: DrillMetrics, clock: Callable[[], datetime]
    ) -> None:
        self._journal = journal
        self._metrics = metrics
        self._clock = clock
        self._at: dict[str, datetime | None] = {}

    def past(self, guards: Iterable[str]) -> dict[str, Past]:
        """Read what is on record of these guards' drills.

        Raises:
            JournalError: it cannot be read.
        """
        return {
            name: Past(
                drill_history.proven_at(self._journal, name),
                drill_history.last_judged(self._journal, name),
            )
            for name in guards
        }

    def take(self, past: Mapping[str, Past]) -> None:
        """Go on from what is on record."""
        for name, each in past.items():
            self._at[name] = each.proven_at
            if each.judged is not None:
                self._metrics.drilled(name, each.judged.good, each.judged.detection_s)

    def ended(self, told: Report) -> None:
        """Note a drill that says something about its guard."""
        self._at[told.guard] = told.proven_at
        self._metrics.drilled(told.guard, told.good, told.detection_s)

    def at(self, guard: str) -> datetime | None:
        """Say when a guard was last proven; None: never."""
        return self._at.get(guard)

    def is_old(self, guard: str, drill: DrillSpec, now: datetime) -> bool:
        """True where a guard has no good drill that is young enough."""
        at = self.at(guard)
        return at is None or (now - at).total_seconds() > drill.max_age_s

    def forget(self, guard: str) -> None:
        """Drop a guard that has no drill any more."""
        self._metrics.forget_guard(guard)
        self._at.pop(guard, None)

    def show(self, config: Config) -> None:
        """Put every guard's proof into the metrics; it ages with time alone."""
        now = self._clock()
        for name, drill in drilled(config).items():
            self._metrics.proven(name, self.at(name), self.is_old(name, drill, now))


def drilled(config: Config) -> Mapping[str, DrillSpec]:
    """Return the drill of each guard that has one, by guard."""
    return {name: spec.drill for name, spec in config.guards.items() if spec.drill is not None}
