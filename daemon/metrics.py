"""Prometheus objects on an injected registry.

Labels are bounded by the configuration: never a URL, an error text or a run id. `job` and
`instance` are those that dashboards for blackbox_exporter expect, so scrape with `honor_labels`.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from daemon.circuit_metrics import CircuitMetrics
from daemon.drill_metrics import DrillMetrics
from daemon.guard import Phase
from daemon.probe_metrics import ProbeMetrics
from probes.model import ARTIFACT_PROBLEMS

#: What stood in the way of evidence that no other reason names.
OTHER = "other"
_KILL_BUCKETS_S = (0.05, 0.25, 1, 2, 3, 5, 8, 13, 20, 30, 60, 120, 300)


class Metrics(Collector):
    """Every series of the daemon; `registry` shows them too, as a collector of its own."""

    def __init__(self, registry: CollectorRegistry, buckets_s: Iterable[float]) -> None:
        # A `_created` series beside each counter doubles their number and tells graphs nothing.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry
        self.probes = ProbeMetrics(buckets_s)
        registry.register(self)
        # Of its own, because the probes' part of a scrape is written in another way.
        registry = self._own = CollectorRegistry()
        self.circuits = CircuitMetrics(registry)
        self.drills = DrillMetrics(registry)
        self._showing = Lock()
        self._shown: dict[str, Phase] = {}
        self._phase = Gauge(
            "tripflag_guard_phase",
            "1 for the phase that the guard is in.",
            ("guard", "phase"),
            registry=registry,
        )
        self._flips = Counter(
            "tripflag_flips",
            "Acknowledged writes to flags.",
            ("flag", "to", "by"),
            registry=registry,
        )
        self.flips_pending = Gauge(
            "tripflag_flips_pending", "Decided flips that are not yet written.", registry=registry
        )
        self._kill_seconds = Histogram(
            "tripflag_kill_duration_seconds",
            "From the start of the first failed run to the verified kill.",
            ("guard",),
            buckets=_KILL_BUCKETS_S,
            registry=registry,
        )
        self._flip_seconds = Histogram(
            "tripflag_flip_duration_seconds",
            "From a flip's decision to its acknowledged write.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
            registry=registry,
        )
        self.lateness = Histogram(
            "tripflag_schedule_lateness_seconds",
            "From a run's due time to its start in a worker.",
            buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self.pool_busy = Gauge(
            "tripflag_pool_busy", "Runs under way.", ("location",), registry=registry
        )
        self.pool_waiting = Gauge(
            "tripflag_pool_waiting", "Runs waiting for a worker.", ("location",), registry=registry
        )
        self.orphans = Counter(
            "tripflag_orphans_killed",
            "Browser processes that outlived their worker and were killed.",
            registry=registry,
        )
        self.journal_bytes = Gauge(
            "tripflag_journal_size_bytes", "Size of the journal on disk.", registry=registry
        )
        self.reload_success = Gauge(
            "tripflag_config_reload_success",
            "1 if the last (re)load of the configuration was accepted.",
            registry=registry,
        )
        self.reload_time = Gauge(
            "tripflag_config_reload_success_timestamp_seconds",
            "When the configuration in force was loaded, Unix time.",
            registry=registry,
        )
        self.turn_failures = Counter(
            "tripflag_turn_failures",
            "Turns of the engine that raised; each is a defect or a broken journal.",
            registry=registry,
        )
        self.pages = Counter(
            "tripflag_pages",
            "Times that a person was called.",
            ("guard", "severity"),
            registry=registry,
        )
        self.drifts = Counter(
            "tripflag_flag_drifts",
            "Writes by others that a poll found: adopted, or lost_update and written again.",
            ("flag", "kind"),
            registry=registry,
        )
        self._rung_seconds = Histogram(
            "tripflag_kill_rung_seconds",
            "From a kill's decision to each rung: store, toggle_api, browser.",
            ("guard", "rung"),
            buckets=_KILL_BUCKETS_S,
            registry=registry,
        )
        self.after_write_up = Gauge(
            "tripflag_store_after_write_up",
            "0 while caches or the application's audit did not take what follows a write.",
            registry=registry,
        )
        self.store_up = Gauge(
            "tripflag_store_up", "1 if the flag store answered the last poll.", registry=registry
        )
        self._artifacts_lost = Counter(
            "tripflag_artifacts_lost",
            "Runs whose evidence could not be kept, by what stood in the way.",
            ("reason",),
            registry=registry,
        )
        for reason in (*ARTIFACT_PROBLEMS, OTHER):
            self._artifacts_lost.labels(_label(reason))
        self.artifacts_bytes = Gauge(
            "tripflag_artifacts_size_bytes",
            "Evidence on disk, as of the last time that it was pruned.",
            registry=registry,
        )
        info = Gauge("tripflag_build_info", "Always 1.", ("version", "python"), registry=registry)
        info.labels(version("tripflag"), platform.python_version()).set(1)

    def exposition(self) -> bytes:
        """Return every series in Prometheus' text format."""
        return generate_latest(self._own) + self.probes.text().encode()

    def collect(self) -> Iterator[Metric]:
        """Yield every series as objects: what a collector of the client library does."""
        yield from self._own.collect()
        yield from self.probes.collect()

    def forget_guard(self, guard: str) -> None:
        """Drop every series of a guard that is no longer configured."""
        with self._showing:
            self._shown.pop(guard, None)
            self._phase.remove_by_labels({"guard": guard})
        self._kill_seconds.remove_by_labels({"guard": guard})
        self._rung_seconds.remove_by_labels({"guard": guard})

    def guard_is(self, guard: str, phase: Phase) -> None:
        """Show a guard's phase."""
        with self._showing:
            # Asked of every guard whenever one of them was told something: most are as they were.
            if self._shown.get(guard) is phase:
                return
            for each in Phase:
                self._phase.labels(guard, each.value).set(each is phase)
            self._shown[guard] = phase

    def flip_written(self, flag: str, to: bool, by: str, took_s: float) -> None:
        """Count an acknowledged write; `by` is reduced to guard or operator."""
        who = "guard" if by == "guard" else "operator"
        self._flips.labels(flag, "on" if to else "off", who).inc()
        self._flip_seconds.observe(took_s)

    def kill_verified(self, guard: str, took_s: float) -> None:
        """Record how long users were hit."""
        self._kill_seconds.labels(guard).observe(took_s)

    def rung_reached(self, guard: str, rung: str, took_s: float) -> None:
        """Record a rung of the kill ladder."""
        self._rung_seconds.labels(guard, rung).observe(took_s)

    def artifact_lost(self, problem: str) -> str:
        """Count evidence that a run lost; return its reason, of which there are only a few."""
        kind = problem.partition(":")[0]
        reason = _label(kind if kind in ARTIFACT_PROBLEMS else OTHER)
        self._artifacts_lost.labels(reason).inc()
        return reason


def _label(kind: str) -> str:
    return kind.replace(" ", "_").replace("-", "_")
