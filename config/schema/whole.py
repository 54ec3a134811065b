"""The whole file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from config.schema.base import Name, Strict
from config.schema.guards import CircuitSpec, GuardSpec
from config.schema.probes import JourneyProbe, ProbeSpec, TargetSpec
from config.schema.services import (
    BrowserSpec,
    JournalSpec,
    MetricsSpec,
    PoolSpec,
    PrivacySpec,
    UplinkSpec,
    WebSpec,
)
from config.schema.stores import StoreSpec

#: Cookie by which VA.gov's pages tell one visitor from another: Flipper's actor.
FLIPPER_ID = "FLIPPER_ID"


class Config(Strict):
    """The whole file."""

    targets: dict[Name, TargetSpec]
    probes: dict[Name, Annotated[ProbeSpec, Field(union_mode="smart")]]
    guards: dict[Name, GuardSpec] = Field(default_factory=dict)
    circuits: dict[Name, CircuitSpec] = Field(default_factory=dict)
    store: Annotated[StoreSpec, Field(union_mode="smart")]
    journal: JournalSpec
    web: WebSpec = WebSpec()
    metrics: MetricsSpec = MetricsSpec()
    browser: BrowserSpec = BrowserSpec()
    pools: dict[Name, PoolSpec] = Field(default_factory=lambda: {"local": PoolSpec()})
    uplink: UplinkSpec = UplinkSpec()
    privacy: PrivacySpec = PrivacySpec()
    journeys_folder: Path | None = Field(None, description="Journeys of your own, one per file.")

    def actor_of(self, guard: GuardSpec) -> str | None:
        """Return the Flipper actor that the guard's probes are, None where none is pinned."""
        probe = self.probes.get(guard.probes[0])
        target = self.targets.get(probe.target) if probe is not None else None
        own = probe.cookies if isinstance(probe, JourneyProbe) else {}
        pinned = own.get(FLIPPER_ID) or (target.cookies.get(FLIPPER_ID) if target else None)
        return guard.ramp.actor or pinned

    @model_validator(mode="before")
    @classmethod
    def _name_things(cls, raw: Any) -> Any:
        if not isinstance(raw, Mapping):
            return raw
        named = dict(raw)
        for section in ("targets", "probes", "guards", "circuits"):
            things = named.get(section)
            if isinstance(things, Mapping):
                named[section] = {
                    key: {**thing, "name": key} if isinstance(thing, Mapping) else thing
                    for key, thing in things.items()
                }
        return named
