"""What the wrapped stores of flipper-client share: compare-and-set, and a watch for lost updates.

The library writes blindly: another application's `set_client_data` reads an item, and writes back
the whole of it a moment later, with the `is_enabled` that it read. No lock of ours can stop it, so
each write of ours is watched for a moment, and repeated where it was lost that way.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import structlog
from flipper.contrib.storage import FeatureFlagStoreItem, FeatureFlagStoreMeta

from flags import items
from flags.gates import META, flag_of
from flags.model import Flag, FlagChanged, FlagError, Gates, UnknownFlag
from flags.stores.base import FlagStore

#: Looks at the store in one watch; what they cost is small beside the write.
_LOOKS = 5
#: Each writer that is in the middle of its read-modify-write can undo us once.
_REPEATS = 20

_log = structlog.get_logger()


class ClientFlagStore(FlagStore):
    """Flags in flipper-client's own format, which plain flipper-client goes on reading and writing.

    Conditions, bucketer and client data survive a disable, as they do with the library's own; a
    write takes the boolean and the rollout from what is wanted, never the client data.
    """

    #: How long a write of ours is watched. The library takes from its read to its write, at the
    #: median and the 99th percentile, on two cores under load: Redis 0.3 and 16 ms, PostgreSQL 27
    #: and 358 ms, S3's stand-in 16 and 214 ms. What comes later than the watch is for `undone`.
    settle_s: float = 0.025

    def __init__(self) -> None:
        self._skipped: frozenset[tuple[str, str]] = frozenset()

    # --- what each store does ---------------------------------------------------------------

    @abstractmethod
    def _read(self, name: str) -> bytes | None:
        """Read an item; None where there is none."""

    @abstractmethod
    def _scan(self) -> Iterable[tuple[str, bytes]]:
        """Read all items, and whatever else is among them."""

    @abstractmethod
    def _edit(self, name: str, change: Callable[[bytes], bytes]) -> None:
        """Replace an item by what `change` makes of it, if nobody wrote it in between.

        `change` may be called again, with what somebody wrote; what it raises leaves the store as
        it is.

        Raises:
            UnknownFlag: there is none.
            StoreUnavailable: no answer, or no turn, in time.
        """

    @abstractmethod
    def _add(self, name: str, raw: bytes) -> bool:
        """Add an item; False where one is there, which stays."""

    def _check_name(self, name: str) -> None:
        """Raise FlagError where this store can hold no flag of that name."""

    # --- in exact gates ---------------------------------------------------------------------

    def gates(self, feature_name: str) -> Gates:
        """Read an item: its boolean where enabled, and always its meta."""
        self._check_name(feature_name)
        raw = self._read(feature_name)
        if not raw:
            raise UnknownFlag(feature_name)
        return items.gates_of(feature_name, raw)

    def flags(self) -> tuple[Flag, ...]:
        """Read every flag, sorted by name; what is no item is left out, with one warning."""
        found, skipped = [], set()
        for name, raw in self._scan():
            try:
                found.append(flag_of(name, items.gates_of(name, raw)))
            except items.BrokenItem as broken:
                skipped.add((name, broken.reason))
        for name, reason in sorted(skipped - self._skipped):  # a poll reads every few seconds
            _log.warning("flag item skipped", flag=name, reason=reason)
        self._skipped = frozenset(skipped)
        return tuple(sorted(found, key=lambda flag: flag.name))

    def replace_gates(
        self, feature_name: str, wanted: Gates, expected: Gates | None = None
    ) -> Gates:
        """Write boolean and rollout by compare-and-set, then see that they stay; return the former.

        `expected` counts by boolean and rollout too: another's client data is no decision.
        """
        self._check_name(feature_name)
        before = written = wanted

        def change(raw: bytes) -> bytes:
            nonlocal before, written
            before = items.gates_of(feature_name, raw)
            written = items.merged(wanted, before)
            if expected is not None:
                seen = _decision(items.merged(expected, before))
                if _decision(before) not in (seen, _decision(written)):
                    raise FlagChanged(feature_name, expected, before)
            return items.raw_of(feature_name, written)

        self._edit(feature_name, change)
        if _decision(before) != _decision(written):
            self._settle(feature_name, before, written)
        return before

    def enabled(self, before: Gates) -> Gates:
        """Gates with the boolean on; the rollout that it had while off is back, as it was."""
        return items.gates(True, _meta(before))

    def disabled(self, before: Gates) -> Gates:
        """Gates with the boolean off, all else kept."""
        return items.gates(False, _meta(before))

    def with_percentage(self, before: Gates, percent: float) -> Gates:
        """Gates on for a percentage of contexts (see `items.with_share`: it opens 1 % more)."""
        return items.with_share(items.gates(True, _meta(before)), percent)

    def with_actor(self, before: Gates, actor: str, *, present: bool) -> Gates:
        """Refuse: the library has conditions, not actors."""
        raise FlagError(
            "flipper-client has no actors: it compares conditions with what the application passes "
            "to is_enabled. Add a condition there, such as Condition(user_id__in=[...])"
        )

    def undone(self, written: Gates, found: Gates) -> Gates | None:
        """Our boolean with their meta, where a blind write of meta brought the old boolean back.

        Args:
            written: the gates as read back after our write.
            found: as they are now; the other boolean on the same meta is a person's decision.
        """
        if not written.values(META) or items.is_on(written) == items.is_on(found):
            return None
        if items.comparable(written) == items.comparable(found):
            return None
        if items.is_on(written) and items.rollout(written) != items.rollout(found):
            return None  # on for whom? never expose on a guess
        return items.merged(written, found) if items.is_on(written) else self.disabled(found)

    def same(self, wanted: Gates, found: Gates) -> bool:
        """True where both are off, or both on for the same users; client data is not ours."""
        if items.is_on(wanted) != items.is_on(found):
            return False
        return not items.is_on(wanted) or _decision(items.merged(wanted, found)) == _decision(found)

    def _settle(self, name: str, before: Gates, written: Gates) -> None:
        for _ in range(_REPEATS):
            if not self._lost_within(name, before, written):
                return
            self._edit(name, lambda raw: items.raw_of(name, _repeated(name, raw, before, written)))

    def _lost_within(self, name: str, before: Gates, written: Gates) -> bool:
        until = time.monotonic() + self.settle_s
        while True:
            # Looked at once more when the time is over, however long the last look took.
            last = time.monotonic() >= until
            raw = self._read(name)
            if not raw or _is_lost(before, written, items.gates_of(name, raw)):
                return bool(raw)
            if last:
                return False
            time.sleep(self.settle_s / _LOOKS)

    # --- AbstractFeatureFlagStore -----------------------------------------------------------

    def get(self, feature_name: str) -> FeatureFlagStoreItem | None:
        """Return the item with its meta, or None where there is none."""
        try:
            return _item(feature_name, self.gates(feature_name))
        except UnknownFlag:
            return None

    def set(self, feature_name: str, is_enabled: bool) -> None:
        """Write the boolean of a flag that exists; 0 and None are off, unlike in the library.

        Raises:
            FlagError: a text, such as "false": it is true, and surely not meant so.
        """
        if isinstance(is_enabled, str | bytes):
            raise FlagError(f"{feature_name!r} can be set to a bool, not to a text: pass False")
        super().set(feature_name, bool(is_enabled))

    def list(self, limit: int | None = None, offset: int = 0) -> Iterator[FeatureFlagStoreItem]:
        """Yield items sorted by name."""
        end = None if limit is None else offset + limit
        for flag in self.flags()[offset:end]:
            yield _item(flag.name, flag.gates)

    def set_meta(self, feature_name: str, meta: FeatureFlagStoreMeta) -> None:
        """Write the whole meta by compare-and-set; the boolean stays as it is at that instant."""
        self._check_name(feature_name)
        fields = meta.to_dict()

        def change(raw: bytes) -> bytes:
            on = items.is_on(items.gates_of(feature_name, raw))
            return items.raw_of(feature_name, items.gates(on, fields))

        self._edit(feature_name, change)

    def create(
        self, feature_name: str, is_enabled: bool = False, client_data: dict[str, Any] | None = None
    ) -> FeatureFlagStoreItem:
        """Add a flag.

        Raises:
            FlagError: it exists; the library would have reset it and wiped its meta.
        """
        self._check_name(feature_name)
        meta = FeatureFlagStoreMeta(int(time.time()), client_data).to_dict()
        made = items.gates(is_enabled is True, meta)
        if not self._add(feature_name, items.raw_of(feature_name, made)):
            raise FlagError(f"{feature_name!r} exists already: nothing was created or changed")
        return _item(feature_name, made)


def _decision(item: Gates) -> tuple[bool, str]:
    return items.is_on(item), items.rollout(item)


def _meta(before: Gates) -> dict[str, Any]:
    if not before.values(META):
        raise FlagError("these gates come from another kind of store: flipper-client's have a meta")
    return items.meta_of(before)


def _is_lost(before: Gates, written: Gates, found: Gates) -> bool:
    was, ours, now = _decision(before), _decision(written), _decision(found)
    if not any(is_now == had != want for is_now, had, want in zip(now, was, ours, strict=True)):
        return False
    # A rewrite that changed no meta looks like a person's. Within this moment an old "on" is a
    # late writer's rather than anybody's answer to us; against an "off" we never insist.
    return not ours[0] or items.comparable(found) != items.comparable(written)


def _repeated(name: str, raw: bytes, before: Gates, written: Gates) -> Gates:
    found = items.gates_of(name, raw)
    if not _is_lost(before, written, found):
        return found
    if items.rollout(before) != items.rollout(written):
        return items.merged(written, found)
    return items.gates(items.is_on(written), items.meta_of(found))


def _item(name: str, found: Gates) -> FeatureFlagStoreItem:
    try:
        meta = FeatureFlagStoreMeta.from_dict(items.meta_of(found))
    except Exception as cause:
        # A bucketer or an operator of the application's own.
        raise items.BrokenItem(name, f"its meta cannot be read ({type(cause).__name__})") from None
    return FeatureFlagStoreItem(name, items.is_on(found), meta)
