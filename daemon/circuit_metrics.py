"""Prometheus objects about circuits, on an injected registry."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from daemon.circuit import CircuitPhase


class CircuitMetrics:
    """Every series about circuits; labels are bounded by the configuration."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._state = Gauge(
            "tripflag_circuit_state",
            "1 for the state that the circuit is in.",
            ("circuit", "state"),
            registry=registry,
        )
        self._opened = Counter(
            "tripflag_circuit_opened",
            "Openings: by its own probe, a guard or a person.",
            ("circuit",),
            registry=registry,
        )

    def circuit_is(self, circuit: str, now: CircuitPhase, opened: int) -> None:
        """Show a circuit's state, and add so many openings."""
        for each in CircuitPhase:
            self._state.labels(circuit, each.value).set(each is now)
        self._opened.labels(circuit).inc(opened)

    def forget_circuit(self, circuit: str) -> None:
        """Drop every series of a circuit that is no longer configured."""
        self._state.remove_by_labels({"circuit": circuit})
        self._opened.remove_by_labels({"circuit": circuit})
