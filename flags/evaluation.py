"""One flag for one actor: Ruby's gates, or a flipper-client item as that library evaluates it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from flipper.bucketing import NoOpBucketer, PercentageBucketer
from flipper.contrib.storage import FeatureFlagStoreMeta

from flags.gates import (
    ACTORS,
    META,
    PERCENTAGE_OF_ACTORS,
    PERCENTAGE_OF_TIME,
    Share,
    percentage,
)
from flags.model import Flag, FlagState


class Reason(StrEnum):
    """What decided a value, in OpenFeature's words.

    `TARGETING_MATCH` and `SPLIT` also explain a closed flag: who asks, or chance, decided so.
    """

    STATIC = "STATIC"
    TARGETING_MATCH = "TARGETING_MATCH"
    SPLIT = "SPLIT"
    DISABLED = "DISABLED"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A flag's value for one actor, and what decided it."""

    value: bool
    reason: Reason


OFF = Evaluation(value=False, reason=Reason.DISABLED)
ON = Evaluation(value=True, reason=Reason.STATIC)
_NAMED = Evaluation(value=True, reason=Reason.TARGETING_MATCH)
_NOT_NAMED = Evaluation(value=False, reason=Reason.TARGETING_MATCH)
_INSIDE = Evaluation(value=True, reason=Reason.SPLIT)
_OUTSIDE = Evaluation(value=False, reason=Reason.SPLIT)


@dataclass(frozen=True, slots=True)
class Evaluator:
    """A flag with its gates read once, to be asked by many.

    Attributes:
        others: what it is for whoever the rest does not open it.
        actors: for whom it is open by name.
        share: for whom it is open by hash; None: for nobody.
        meta: a flipper-client item, which decides alone.
    """

    others: Evaluation
    actors: frozenset[str] = frozenset()
    share: Share | None = None
    meta: str | None = None

    @classmethod
    def of(cls, flag: Flag) -> Evaluator:
        """Read a flag's gates; never raises, whatever stands in them."""
        if flag.state is FlagState.OFF:
            return cls(OFF)
        if metas := flag.gates.values(META):
            return cls(_OUTSIDE, meta=metas[0])
        if flag.state is FlagState.ON:
            return cls(ON)
        percent = percentage(flag.gates, PERCENTAGE_OF_ACTORS)
        by_name_only = percent <= 0 and percentage(flag.gates, PERCENTAGE_OF_TIME) <= 0
        return cls(
            _NOT_NAMED if by_name_only else _OUTSIDE,
            frozenset(flag.gates.values(ACTORS)),
            Share.of(flag.name, percent) if percent > 0 else None,
        )

    def evaluate(self, actor: str | None, context: Mapping[str, object]) -> Evaluation:
        """Evaluate the flag for one actor without reading a store: `gates.is_open`, and why.

        Pure but for a flipper-client ramp, which reads the clock as the library does. Never raises
        for what stands in the context: what the library would raise at, is closed.

        Args:
            actor: Ruby's flipper id; None closes actor and percentage gates.
            context: the keyword arguments that an application would give flipper-client's
                `is_enabled`, as they are: the library bypasses its bucketer when any of them comes
                with a flag that has conditions, and hashes all of them where it has no whitelist.
        """
        if self.meta is not None:
            return _client_item(self.meta, context)
        if actor is not None:
            if actor in self.actors:
                return _NAMED
            if self.share is not None and self.share.has(actor):
                return _INSIDE
        return self.others


def _client_item(raw: str, context: Mapping[str, object]) -> Evaluation:
    reason = Reason.TARGETING_MATCH
    try:
        meta = FeatureFlagStoreMeta.from_dict(json.loads(raw))
        if context and meta.conditions:
            return Evaluation(all(each.check(**context) for each in meta.conditions), reason)
        kind = meta.bucketer.get_type()
        if kind == NoOpBucketer.get_type():
            return ON
        reason = Reason.SPLIT
        if kind == PercentageBucketer.get_type():
            # It draws lots at every call: a served answer that flickers helps nobody, so chance
            # below the whole counts as closed, as Ruby's percentage of time does.
            return Evaluation(value=bool(meta.bucketer.percentage >= 1), reason=reason)
        return Evaluation(bool(meta.bucketer.check(**context)), reason)
    except Exception:
        # Conditions compare whatever the caller sends: the library raises (None > 5) out of
        # is_enabled, and an application's own bucketer is unknown here.
        return Evaluation(value=False, reason=reason)
