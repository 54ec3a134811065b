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
    in_percentage,
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


def evaluate(flag: Flag, actor: str | None, context: Mapping[str, object]) -> Evaluation:
    """Evaluate a flag without reading a store.

    Pure but for a flipper-client ramp, which reads the clock as the library does. Never raises for
    what stands in the context or in the flag: what the library would raise at, is closed.

    Args:
        flag: its gates as a store gave them.
        actor: Ruby's flipper id; None closes actor and percentage gates.
        context: the keyword arguments that an application would give flipper-client's
            `is_enabled`, as they are: the library bypasses its bucketer when any of them comes
            with a flag that has conditions, and hashes all of them where it has no whitelist.
    """
    if flag.state is FlagState.OFF:
        return OFF
    if metas := flag.gates.values(META):
        return _client_item(metas[0], context)
    if flag.state is FlagState.ON:
        return ON
    if actor is not None and actor in flag.gates.values(ACTORS):
        return Evaluation(value=True, reason=Reason.TARGETING_MATCH)
    gates = flag.gates
    share = percentage(gates, PERCENTAGE_OF_ACTORS)
    if share <= 0 and percentage(gates, PERCENTAGE_OF_TIME) <= 0:
        return Evaluation(value=False, reason=Reason.TARGETING_MATCH)
    # What is left of `gates.is_open` for a conditional flag; asking it would sum up all gates anew.
    value = actor is not None and in_percentage(flag.name, actor, share)
    return Evaluation(value, Reason.SPLIT)


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
