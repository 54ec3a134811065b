"""Prometheus objects about drills, on an injected registry."""

from __future__ import annotations

from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge


class DrillMetrics:
    """Every series about drills; only guards with a drill in their configuration have any."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by_guard = ("guard",)
        self._success = Gauge(
            "tripflag_drill_success",
            "1 if the guard's last drill was good; absent before the first.",
            by_guard,
            registry=registry,
        )
        self._detection = Gauge(
            "tripflag_drill_detection_seconds",
            "Of the last drill that ended in a decision: from its first run's start to it.",
            by_guard,
            registry=registry,
        )
        self._timestamp = Gauge(
            "tripflag_drill_timestamp_seconds",
            "When the guard's last good drill began, Unix time.",
            by_guard,
            registry=registry,
        )
        self._unproven = Gauge(
            "tripflag_guard_unproven",
            "1 if the guard's last good drill is older than its limit, or never was.",
            by_guard,
            registry=registry,
        )

    def drilled(self, guard: str, good: bool, detection_s: float | None) -> None:
        """Show how a guard's last drill ended."""
        self._success.labels(guard).set(good)
        if detection_s is not None:
            self._detection.labels(guard).set(detection_s)

    def proven(self, guard: str, at: datetime | None, unproven: bool) -> None:
        """Show when a guard was last proven, and whether that still holds."""
        if at is not None:
            self._timestamp.labels(guard).set(at.timestamp())
        self._unproven.labels(guard).set(unproven)

    def forget_guard(self, guard: str) -> None:
        """Drop every series of a guard that has no drill any more."""
        for metric in (self._success, self._detection, self._timestamp, self._unproven):
            metric.remove_by_labels({"guard": guard})
