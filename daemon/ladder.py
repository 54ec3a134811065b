"""The kill ladder: when a kill reached the store, the toggle API, and a fresh browser."""

from __future__ import annotations

from datetime import datetime

from config.schema import GuardSpec
from daemon.guard.state import GuardState, Kill
from daemon.metrics import Metrics
from probes.model import Run


class Ladder:
    """Measures each rung of each kill once, from the kill's decision."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        #: The kill (by its decision's time) whose toggle rung was measured, by guard.
        self._toggled: dict[str, datetime] = {}

    def climbed(self, guard: str, before: Kill | None, after: Kill | None) -> None:
        """Measure what a turn reached: written and read back in the store, proven in a browser."""
        if after is None:
            return
        for rung, at, was in (
            ("store", after.written_at, before.written_at if before else None),
            ("browser", after.verified_at, before.verified_at if before else None),
        ):
            if at is not None and was is None:
                self._reached(guard, rung, after, at)

    def told(self, spec: GuardSpec, state: GuardState, proof: Run) -> None:
        """Measure the rung between: the API that browsers call told a proof the act's value.

        For VA.gov's pages that is the full list, which has another cache than `?features=`.
        """
        kill, seen = state.kill, proof.exposure
        if kill is None or kill.written_at is None or seen is None or seen.seen_at is None:
            return
        done = self._toggled.get(spec.name) == kill.decided_at
        if seen.value is spec.acts_to and seen.seen_at >= kill.decided_at and not done:
            self._toggled[spec.name] = kill.decided_at
            self._reached(spec.name, "toggle_api", kill, seen.seen_at)

    def _reached(self, guard: str, rung: str, kill: Kill, at: datetime) -> None:
        self._metrics.rung_reached(guard, rung, (at - kill.decided_at).total_seconds())
