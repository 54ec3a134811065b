"""Ruby Flipper's evaluation of a feature's gates.

Source: flippercloud/flipper, `lib/flipper/feature.rb`, `gates/` and `typecast.rb` (1.4.2);
percentages compared with Ruby's own numbers in the tests.
"""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass

from flags.model import Flag, FlagState, Gates

BOOLEAN = "boolean"
ACTORS = "actors"
GROUPS = "groups"
PERCENTAGE_OF_ACTORS = "percentage_of_actors"
PERCENTAGE_OF_TIME = "percentage_of_time"
EXPRESSION = "expression"
#: Not Ruby's: the whole `meta` of a flipper-client item as JSON, beside its boolean.
META = "meta"

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
    if metas := gates.values(META):
        return _client_state(gates, metas[0])
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


def _client_state(gates: Gates, meta: str) -> FlagState:
    """Summarise a flipper-client item: a boolean above all, then conditions and a bucketer."""
    if not gates.values(BOOLEAN):
        return FlagState.OFF
    raw = json.loads(meta)
    bucketer = (raw.get("bucketer") or {}).get("type", "NoOpBucketer")
    partial = raw.get("conditions") or bucketer != "NoOpBucketer"
    return FlagState.CONDITIONAL if partial else FlagState.ON


def flag_of(name: str, gates: Gates) -> Flag:
    """Name gates and their state."""
    return Flag(name, state(gates), gates)


@dataclass(frozen=True, slots=True)
class Share:
    """A percentage of one flag's actors, as Ruby's CRC32 has it, with the name hashed already."""

    name_crc: int
    below: float

    @classmethod
    def of(cls, name: str, percent: float) -> Share:
        """Hash the name, once for all actors."""
        # One name that is no text must not stop the reading of all others.
        return cls(zlib.crc32(name.encode(errors="surrogatepass")), percent * _SCALE)

    def has(self, actor: str) -> bool:
        """Say whether an actor falls into it."""
        return zlib.crc32(actor.encode(), self.name_crc) % (100 * _SCALE) < self.below


def is_open(name: str, gates: Gates, actor: str | None) -> bool:
    """Evaluate a flag for an actor. Without one, actor and percentage gates are closed.

    Groups and expressions are code of the application's own, which only it can evaluate: they
    count as closed here. A percentage of time below 100 is chance, and counts as closed too.
    """
    if state(gates) is FlagState.ON:
        return True
    if actor is None:
        return False
    percent = percentage(gates, PERCENTAGE_OF_ACTORS)
    return actor in gates.values(ACTORS) or Share.of(name, percent).has(actor)


def edited_percentage(gates: Gates, key: str, percent: float) -> Gates:
    """Set a percentage gate as Ruby writes it; without the boolean, which would win over it.

    Raises:
        ValueError: not from 0 to 100.
    """
    if not 0 <= percent <= 100 or math.isnan(percent):
        raise ValueError("a percentage must be from 0 to 100")
    kept = [row for row in gates.rows if row[0] not in (key, BOOLEAN)]
    # Never with an exponent: Ruby reads "1e-05" as 1 %. It hashes to three decimals anyway.
    return Gates.of(*kept, (key, f"{percent:.3f}".rstrip("0").rstrip(".")))


def edited_actor(gates: Gates, actor: str, *, present: bool) -> Gates:
    """Add an actor to the gates, or remove it; one that is there, or is not, is no error."""
    kept = [row for row in gates.rows if row != (ACTORS, actor)]
    return Gates.of(*kept, (ACTORS, actor)) if present else Gates.of(*kept)
