"""Rules between fields: what no single field can see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from config.schema.base import Strict
from config.schema.guards import GuardSpec
from config.schema.probes import JourneyProbe, ProbeSpec, PromqlProbe
from config.schema.rules import AccessibilityViolations, PromqlOverLimit, RuleSpec
from config.schema.stores import FlipperApiStore, SqlStore
from config.schema.whole import Config

Place = tuple[str | int, ...]


class Breach(Strict):
    """A rule between fields that this configuration breaks.

    `at` is the path of keys to the value at fault, from the top of the file.
    """

    at: Place
    rule: str
    remedy: str


LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def breaches(config: Config) -> Iterator[Breach]:
    """Find every broken rule that needs more than one field to see."""
    for name, probe in config.probes.items():
        yield from _probe_breaches(config, name, probe)
    flags: dict[str, str] = {}
    for name, guard in config.guards.items():
        yield from _guard_breaches(config, name, guard)
        first = flags.setdefault(guard.flag, name)
        if first != name:
            yield Breach(
                at=("guards", name, "flag"),
                rule=f"guard {first!r} already guards flag {guard.flag!r}",
                remedy="let one guard own a flag: move the probes and rules into one of the two",
            )
    for name, circuit in config.circuits.items():
        yield from _unknown_probes(config, ("circuits", name), [(("probe",), circuit.probe)])
    tokens = config.web.tokens
    if config.web.host not in LOOPBACK and tokens.operator is None:
        yield Breach(
            at=("web", "host"),
            rule="without an operator token the admin API may listen on loopback only",
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


def _unknown_probes(
    config: Config, at: Place, named: Iterable[tuple[Place, str]]
) -> Iterator[Breach]:
    remedy = f"name one of: {', '.join(sorted(config.probes))}"
    for place, probe in named:
        if probe not in config.probes:
            yield Breach(at=(*at, *place), rule=f"no probe is named {probe!r}", remedy=remedy)


def _guard_breaches(config: Config, name: str, guard: GuardSpec) -> Iterator[Breach]:
    at: Place = ("guards", name)
    places: list[tuple[Place, str]] = [
        (("probes", place), probe) for place, probe in enumerate(guard.probes)
    ]
    places += [(("control",), guard.control), (("proof",), guard.proof)]
    yield from _unknown_probes(config, at, places)
    for place, rule in enumerate(guard.rules):
        yield from _rule_breaches(config, guard, (*at, "rules", place), rule)
    for place, probe in enumerate(guard.probes):
        spec = config.probes.get(probe)
        if spec is not None and spec.interval_s is None:
            yield Breach(
                at=(*at, "probes", place),
                rule=f"probe {probe!r} runs only on demand, so it can never be judged",
                remedy="give it an interval_s, or guard with a scheduled probe",
            )
    if guard.hard_confirmations > guard.confirmations:
        yield Breach(
            at=(*at, "hard_confirmations"),
            rule=f"hard evidence would need more runs than soft: {guard.hard_confirmations} "
            f"against {guard.confirmations}",
            remedy="lower hard_confirmations, or raise confirmations",
        )
    specs = [config.probes[probe] for probe in guard.probes if probe in config.probes]
    locations = {location for spec in specs for location in spec.locations}
    if specs and guard.quorum > len(locations):
        yield Breach(
            at=(*at, "quorum"),
            rule=f"{guard.quorum} locations can never confirm: the probes have {len(locations)}",
            remedy="lower quorum, or give the probes more locations",
        )
    yield from _act_breaches(config, guard, at)


def _rule_breaches(config: Config, guard: GuardSpec, at: Place, rule: RuleSpec) -> Iterator[Breach]:
    for probe in rule.probes or ():
        if probe not in guard.probes:
            yield Breach(
                at=(*at, "probes"),
                rule=f"probe {probe!r} is not one of this guard's probes",
                remedy=f"name one of: {', '.join(guard.probes)}",
            )
    judged = [config.probes.get(probe) for probe in rule.probes or guard.probes]
    if isinstance(rule, PromqlOverLimit) and not any(isinstance(p, PromqlProbe) for p in judged):
        yield Breach(
            at=(*at, "rule"),
            rule="no probe of this guard asks Prometheus",
            remedy="add a probe with kind: promql to the guard's probes",
        )
    looks = any(isinstance(p, JourneyProbe) and p.accessibility for p in judged)
    if isinstance(rule, AccessibilityViolations) and not looks:
        yield Breach(
            at=(*at, "rule"),
            rule="no probe of this guard looks at accessibility",
            remedy="set accessibility: true on one of its journeys",
        )


def _act_breaches(config: Config, guard: GuardSpec, at: Place) -> Iterator[Breach]:
    fallback = guard.fallback
    if fallback is not None and fallback.flag is not None:
        owner = next((g.name for g in config.guards.values() if g.flag == fallback.flag), None)
        if owner is not None:
            yield Breach(
                at=(*at, "fallback", "flag"),
                rule=f"guard {owner!r} acts on flag {fallback.flag!r}, and they would fight",
                remedy="name a flag that no guard acts on",
            )
    if fallback is not None and fallback.circuit not in (None, *config.circuits):
        yield Breach(
            at=(*at, "fallback", "circuit"),
            rule=f"no circuit is named {fallback.circuit!r}",
            remedy=f"name one of: {', '.join(sorted(config.circuits)) or 'none yet: add circuits'}",
        )
    if guard.recovery == "ramp" and guard.act != "disable_flag":
        yield Breach(
            at=(*at, "recovery"),
            rule="only a flag that was turned off can come back in shares of the users",
            remedy="recovery: manual",
        )
    if guard.recovery == "ramp" and not isinstance(config.store, SqlStore | FlipperApiStore):
        yield Breach(
            at=(*at, "recovery"),
            rule=f"store {config.store.kind!r} has no gate for one actor, where a ramp begins",
            remedy="recovery: manual, or a store of kind sql or flipper_api",
        )
