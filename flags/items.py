"""flipper-client's stored items as gates, and back.

An item is one JSON object: `{"feature_name", "is_enabled", "meta"}`; `meta` holds the rollout
(`conditions`, `bucketer`) and what is the application's own (`client_data`, `created_date`).
As gates: the row ("boolean", "true") where it is enabled, and always the row ("meta", JSON).

Source: flipper-client 1.3.2, `contrib/storage/item.py` and `meta.py`.
"""

from __future__ import annotations

import json
import math
from typing import Any

from flipper.bucketing import ConsistentHashPercentageBucketer, NoOpBucketer, Percentage

from flags.gates import BOOLEAN, META, truthy
from flags.model import FlagError, Gates

_ENABLED = (BOOLEAN, "true")
_NO_BUCKETER = NoOpBucketer().to_dict()


class BrokenItem(FlagError):
    """What is stored under a flag's name is none of flipper-client's items."""

    def __init__(self, flag: str, reason: str) -> None:
        super().__init__(
            f"what the store holds for {flag!r} is no item of flipper-client's: {reason}. Mend or "
            "delete it where the application declares its flags; Tripflag leaves it as it is"
        )
        self.flag = flag
        self.reason = reason


def gates_of(name: str, raw: bytes) -> Gates:
    """Read a stored item.

    `is_enabled` counts as the library counts it: everything but `false` itself is enabled, also 0,
    null and "false".

    Raises:
        BrokenItem: no such item; its content is not in the message.
    """
    try:
        item = json.loads(raw)
    except (ValueError, RecursionError) as cause:
        raise BrokenItem(name, f"not JSON ({type(cause).__name__})") from None
    if not isinstance(item, dict) or not {"feature_name", "is_enabled", "meta"} <= item.keys():
        raise BrokenItem(name, "it needs feature_name, is_enabled and meta")
    return gates(item["is_enabled"] is not False, _checked(name, item["meta"]))


def raw_of(name: str, item: Gates) -> bytes:
    """Write an item as the library stores it, `is_enabled` always a real bool."""
    stored = {"feature_name": name, "is_enabled": is_on(item), "meta": meta_of(item)}
    return json.dumps(stored).encode()


def gates(on: bool, meta: dict[str, Any]) -> Gates:
    """Build an item's gates; equal items give equal gates."""
    row = (META, json.dumps(_ordered(meta), sort_keys=True))
    return Gates.of(_ENABLED, row) if on else Gates.of(row)


def is_on(item: Gates) -> bool:
    """True where the boolean is on: for whom, the rollout says."""
    return any(truthy(value) for value in item.values(BOOLEAN))


def meta_of(item: Gates) -> dict[str, Any]:
    """Return an item's meta as stored."""
    meta: dict[str, Any] = json.loads(item.values(META)[0])
    return meta


def rollout(item: Gates) -> str:
    """Who meets an enabled flag: conditions and bucketer, comparable."""
    return _rollout(meta_of(item))


def merged(wanted: Gates, stored: Gates) -> Gates:
    """Put a wanted boolean and rollout on a stored item; client data is never ours to write.

    Raises:
        FlagError: `wanted` has gates that an item cannot hold.
    """
    if foreign := {key for key, _ in wanted.rows} - {BOOLEAN, META}:
        raise FlagError(
            f"flipper-client has no place for {', '.join(sorted(foreign))}: these gates come from "
            "another kind of store"
        )
    meta = meta_of(stored)
    if wanted.values(META) and rollout(wanted) != _rollout(meta):
        ours = meta_of(wanted)
        for key in ("conditions", "bucketer"):
            meta.pop(key, None)
            if key in ours:
                meta[key] = ours[key]
    return gates(is_on(wanted), meta)


def comparable(item: Gates) -> str:
    """Return an item's meta such that a rewrite by the library, changing nothing, changes nothing.

    The library shuffles whitelists (sets), fills in what is absent and drops what it does not know.
    """
    meta = meta_of(item)
    rest = {"client_data": meta.get("client_data") or {}, "created_date": meta.get("created_date")}
    return _rollout(meta) + json.dumps(rest, sort_keys=True)


def with_share(item: Gates, percent: float) -> Gates:
    """Enable an item for a percentage of contexts, by the library's own stable hash.

    The library opens one hundredth more than it says, as it compares `score <= percentage` over
    the scores 0.00 to 0.99: 25 % opens 26 of 100 buckets, 1 % two, 99 % all; 0 % opens none. The
    stored number stays the one asked for, since that is what the application's tools show.

    Args:
        item: an existing whitelist of hashed keys is kept.
        percent: 0 to 100.

    Raises:
        ValueError: not from 0 to 100.
        FlagError: the item has conditions, beside which the library ignores a percentage.
    """
    if math.isnan(percent) or not 0 <= percent <= 100:
        raise ValueError("a percentage must be from 0 to 100")
    meta = meta_of(item)
    if meta.get("conditions"):
        raise FlagError(
            "flipper-client ignores a percentage on a flag with conditions as soon as the "
            "application passes any keyword: remove the conditions there first"
        )
    whitelist = (meta.get("bucketer") or {}).get("key_whitelist") or []
    share = Percentage(percent / 100)
    bucketer = ConsistentHashPercentageBucketer(key_whitelist=whitelist, percentage=share)
    return gates(True, {**meta, "bucketer": bucketer.to_dict()})


def _checked(name: str, meta: Any) -> dict[str, Any]:
    if not isinstance(meta, dict) or "created_date" not in meta:
        raise BrokenItem(name, "meta needs a created_date")
    bucketer, conditions = meta.get("bucketer"), meta.get("conditions")
    if not isinstance(bucketer, dict | None) or not isinstance(conditions, list | None):
        raise BrokenItem(name, "meta's bucketer must be an object, and its conditions a list")
    return meta


def _ordered(meta: dict[str, Any]) -> dict[str, Any]:
    # A whitelist comes out of a set, in another order in each process.
    bucketer = meta.get("bucketer")
    if not bucketer or not isinstance(bucketer.get("key_whitelist"), list):
        return meta
    whitelist = sorted(bucketer["key_whitelist"], key=str)
    return {**meta, "bucketer": {**bucketer, "key_whitelist": whitelist}}


def _rollout(meta: dict[str, Any]) -> str:
    # Evaluating a condition leaves empty lists for names that it does not check.
    conditions = [
        {name: checks for name, checks in each.items() if checks}
        if isinstance(each, dict)
        else each
        for each in meta.get("conditions") or []
    ]
    bucketer = _ordered(meta).get("bucketer") or _NO_BUCKETER
    return json.dumps([conditions, bucketer], sort_keys=True)
