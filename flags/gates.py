"""Ruby Flipper's evaluation of a feature's gates.

Source: flippercloud/flipper, `lib/flipper/feature.rb`, `gates/` and `typecast.rb` (1.4.2);
percentages compared with Ruby's own numbers in the tests.
"""

from __future__ import annotations

import zlib

from flags.model import Flag, FlagState, Gates

BOOLEAN = "boolean"
ACTORS = "actors"
GROUPS = "groups"
PERCENTAGE_OF_ACTORS = "percentage_of_actors"
PERCENTAGE_OF_TIME = "percentage_of_time"
EXPRESSION = "expression"

#: Ruby hashes to three decimal places of a percent.
_SCALE = 1_000


def truthy(value: str) -> bool:
    """Read a boolean gate as Ruby does: only "true" and "1" are true."""
    return value in ("true", "1")


def percentage(gates: Gates, key: str) -> float:
    """Return a percentage gate's value, 0 where it is absent or unreadable."""
    values = gates.values(key)
    try:
        return float(values[0]) if values else 0.0
    except ValueError:
        return 0.0


def state(gates: Gates) -> FlagState:
    """Summarise gates: on, off, or conditional (also at 100 % of actors)."""
    boolean = any(truthy(value) for value in gates.values(BOOLEAN))
    if boolean or percentage(gates, PERCENTAGE_OF_TIME) >= 100:
        return FlagState.ON
    conditional = (
        gates.values(ACTORS)
        or gates.values(GROUPS)
        or gates.values(EXPRESSION)
        or percentage(gates, PERCENTAGE_OF_ACTORS) > 0
        or percentage(gates, PERCENTAGE_OF_TIME) > 0
    )
    return FlagState.CONDITIONAL if conditional else FlagState.OFF


def flag_of(name: str, gates: Gates) -> Flag:
    """Name gates and their state."""
    return Flag(name, state(gates), gates)


def in_percentage(name: str, actor: str, percent: float) -> bool:
    """Say whether an actor falls into a percentage of actors, as Ruby's CRC32 has it."""
    return zlib.crc32(f"{name}{actor}".encode()) % (100 * _SCALE) < percent * _SCALE


def is_open(name: str, gates: Gates, actor: str | None) -> bool:
    """Evaluate a flag for an actor. Without one, actor and percentage gates are closed.

    Groups and expressions are code of the application's own, which only it can evaluate: they
    count as closed here. A percentage of time below 100 is chance, and counts as closed too.
    """
    if state(gates) is FlagState.ON:
        return True
    if actor is None:
        return False
    return actor in gates.values(ACTORS) or in_percentage(
        name, actor, percentage(gates, PERCENTAGE_OF_ACTORS)
    )
