"""Rules between a guard's fields, and between them and the rest of the file."""

from __future__ import annotations

from collections.abc import Iterator

from config.schema.breach import Breach, Place, unknown_probes
from config.schema.guards import GuardSpec
from config.schema.probes import JourneyProbe, PromqlProbe
from config.schema.rules import (
    AccessibilityViolations,
    CompletionRate,
    DropOff,
    FailureRatio,
    LatencyQuantile,
    PromqlOverLimit,
    RuleSpec,
)
from config.schema.stores import FlipperApiStore, SqlStore
from config.schema.whole import Config

Windowed = FailureRatio | LatencyQuantile | CompletionRate | DropOff


def guard_breaches(config: Config, name: str, guard: GuardSpec) -> Iterator[Breach]:
    """Find every rule that one guard breaks, alone or with the rest of the file."""
    at: Place = ("guards", name)
    places: list[tuple[Place, str]] = [
        (("probes", place), probe) for place, probe in enumerate(guard.probes)
    ]
    places += [(("control",), guard.control), (("proof",), guard.proof)]
    yield from unknown_probes(config, at, places)
    for place, rule in enumerate(guard.rules):
        yield from _rule_breaches(config, guard, (*at, "rules", place), rule)
    for key, probe in (("control", guard.control), ("proof", guard.proof)):
        if isinstance(config.probes.get(probe), PromqlProbe):
            yield Breach(
                at=(*at, key),
                rule=f"probe {probe!r} asks Prometheus, so it cannot see a page",
                remedy="name a journey",
            )
    for place, probe in enumerate(guard.probes):
        yield from _watch_breaches(config, guard, (*at, "probes", place), probe)
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


def _watch_breaches(config: Config, guard: GuardSpec, at: Place, probe: str) -> Iterator[Breach]:
    spec = config.probes.get(probe)
    if spec is None:
        return
    if spec.interval_s is None:
        yield Breach(
            at=at,
            rule=f"probe {probe!r} runs only on demand, so it can never be judged",
            remedy="give it an interval_s, or guard with a scheduled probe",
        )
    elif spec.interval_s + spec.timeout_s >= guard.silent_after_s:
        yield Breach(
            at=("guards", guard.name, "silent_after_s"),
            rule=f"probe {probe!r} is heard of every {spec.interval_s + spec.timeout_s:g} s at "
            f"worst, so {guard.silent_after_s:g} s would call it silent between two runs",
            remedy="raise silent_after_s, or shorten the probe's interval_s",
        )


def _rule_breaches(config: Config, guard: GuardSpec, at: Place, rule: RuleSpec) -> Iterator[Breach]:
    for probe in rule.probes or ():
        if probe not in guard.probes:
            yield Breach(
                at=(*at, "probes"),
                rule=f"probe {probe!r} is not one of this guard's probes",
                remedy=f"name one of: {', '.join(guard.probes)}",
            )
    judged = [config.probes.get(probe) for probe in rule.probes or guard.probes]
    paces = [min(p.interval_s, p.fast_interval_s) for p in judged if p and p.interval_s]
    if isinstance(rule, Windowed) and paces and rule.window_s < min(paces) * (rule.min_runs - 1):
        yield Breach(
            at=(*at, "window_s"),
            rule=f"{rule.min_runs} runs, {min(paces):g} s apart at best, never fit into "
            f"{rule.window_s:g} s",
            remedy="lengthen the window, or lower min_runs",
        )
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
        known = ", ".join(sorted(config.circuits))
        yield Breach(
            at=(*at, "fallback", "circuit"),
            rule=f"no circuit is named {fallback.circuit!r}",
            remedy=f"name one of: {known}" if known else "add it under circuits",
        )
    journeys = any(isinstance(config.probes.get(probe), JourneyProbe) for probe in guard.probes)
    if guard.drill is not None and not journeys:
        yield Breach(
            at=(*at, "drill"),
            rule="no probe of this guard has a browser to plant a fault in",
            remedy="add a journey to the guard's probes, or remove the drill",
        )
    if guard.recovery == "ramp" and guard.act != "disable_flag":
        yield Breach(
            at=(*at, "recovery"),
            rule="only a flag that was turned off can come back in shares of the users",
            remedy="recovery: manual",
        )
    if guard.recovery == "ramp" and config.actor_of(guard) is None:
        yield Breach(
            at=(*at, "recovery"),
            rule="a ramp begins with the probes' own id, and they have none",
            remedy="pin FLIPPER_ID among the target's cookies",
        )
    if guard.recovery == "ramp" and not isinstance(config.store, SqlStore | FlipperApiStore):
        yield Breach(
            at=(*at, "recovery"),
            rule=f"store {config.store.kind!r} has no gate for one actor, where a ramp begins",
            remedy="recovery: manual, or a store of kind sql or flipper_api",
        )
