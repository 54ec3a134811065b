"""Rules between fields: what no single field can see."""

from __future__ import annotations

from collections.abc import Iterator

from config.schema.breach import Breach, Place, unknown_probes
from config.schema.guard_breaches import guard_breaches
from config.schema.guards import CircuitSpec
from config.schema.probes import ProbeSpec, RequestProbe
from config.schema.whole import Config

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def breaches(config: Config) -> Iterator[Breach]:
    """Find every broken rule that needs more than one field to see."""
    for name, probe in config.probes.items():
        yield from _probe_breaches(config, name, probe)
    flags: dict[str, str] = {}
    for name, guard in config.guards.items():
        yield from guard_breaches(config, name, guard)
        first = flags.setdefault(guard.flag, name)
        if first != name:
            yield Breach(
                at=("guards", name, "flag"),
                rule=f"guard {first!r} already guards flag {guard.flag!r}",
                remedy="let one guard own a flag: move the probes and rules into one of the two",
            )
    for name, circuit in config.circuits.items():
        yield from _circuit_breaches(config, name, circuit)
    tokens = config.web.tokens
    if config.web.host not in LOOPBACK and tokens.operator is None and tokens.admin is None:
        yield Breach(
            at=("web", "host"),
            rule="without an operator's or admin's token the admin API may listen on loopback only",
            remedy="set web.tokens.operator_file (or operator: ${NAME}), or host: 127.0.0.1",
        )


def _probe_breaches(config: Config, name: str, probe: ProbeSpec) -> Iterator[Breach]:
    if probe.target not in config.targets:
        yield Breach(
            at=("probes", name, "target"),
            rule=f"no target is named {probe.target!r}",
            remedy=f"name one of: {', '.join(sorted(config.targets))}",
        )
    if probe.interval_s is not None and probe.timeout_s >= probe.interval_s:
        yield Breach(
            at=("probes", name, "timeout_s"),
            rule=f"timeout_s {probe.timeout_s:g} must be below interval_s {probe.interval_s:g}",
            remedy="shorten the timeout or lengthen the interval, so that runs never overlap",
        )
    for place, location in enumerate(probe.locations):
        if location not in config.pools:
            yield Breach(
                at=("probes", name, "locations", place),
                rule=f"no pool serves location {location!r}",
                remedy=f"add it under pools, or name one of: {', '.join(sorted(config.pools))}",
            )


def _circuit_breaches(config: Config, name: str, circuit: CircuitSpec) -> Iterator[Breach]:
    at: Place = ("circuits", name, "probe")
    yield from unknown_probes(config, ("circuits", name), [(("probe",), circuit.probe)])
    spec = config.probes.get(circuit.probe)
    if spec is None:
        return
    if not isinstance(spec, RequestProbe):
        yield Breach(
            at=at,
            rule=f"probe {circuit.probe!r} is no HTTP probe, and only such a one judges a circuit",
            remedy="name a probe of kind: request",
        )
    elif spec.interval_s is None:
        yield Breach(
            at=at,
            rule=f"probe {circuit.probe!r} runs only on demand, so it can never be judged",
            remedy="give it an interval_s, or name a scheduled probe",
        )
    elif circuit.window_s < spec.interval_s * circuit.min_runs:
        yield Breach(
            at=("circuits", name, "window_s"),
            rule=f"{circuit.min_runs} runs, {spec.interval_s:g} s apart, never fit into "
            f"{circuit.window_s:g} s",
            remedy="lengthen the window, or shorten the probe's interval_s",
        )
