"""What every flag store can do, as flipper-client's own interface and in exact gates beside it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from flipper.contrib.interface import AbstractFeatureFlagStore
from flipper.contrib.storage import FeatureFlagStoreItem, FeatureFlagStoreMeta

from flags.gates import BOOLEAN, PERCENTAGE_OF_ACTORS, edited_actor, edited_percentage, flag_of
from flags.model import Flag, FlagError, FlagState, Gates, UnknownFlag

ENABLED = Gates.of((BOOLEAN, "true"))
DISABLED = Gates()


class FlagStore(AbstractFeatureFlagStore):  # type: ignore[misc]  # flipper-client has no types
    """Where flags live. Every method may be called from any thread.

    Whatever a store does, it raises `StoreUnavailable` within its time-out where the server is away
    or refuses, `UnknownFlag` where a flag is needed and there is none, and creates nothing by
    accident. No secret is in a message or in its repr.
    """

    # --- in exact gates ---------------------------------------------------------------------

    @abstractmethod
    def gates(self, feature_name: str) -> Gates:
        """Read a flag's gates exactly as they are.

        Raises:
            UnknownFlag: the store has none of that name.
            StoreUnavailable: no answer in time.
        """

    @abstractmethod
    def flags(self) -> tuple[Flag, ...]:
        """Read every flag with its gates, sorted by name."""

    @abstractmethod
    def replace_gates(
        self, feature_name: str, wanted: Gates, expected: Gates | None = None
    ) -> Gates:
        """Write exactly these gates, as one writer at a time; return what they were before.

        Args:
            feature_name: must exist.
            wanted: all gates afterwards; those that are there already are no error.
            expected: what the caller saw; None takes whatever is there.

        Raises:
            FlagChanged: the gates are neither `expected` nor `wanted`: someone was first. Nothing
                was written.
            UnknownFlag: nothing was created.
            StoreUnavailable: the write may or may not have happened; write again.
        """

    def enabled(self, before: Gates) -> Gates:
        """Gates of the flag fully on; a store that keeps a rollout while off gives it back."""
        return ENABLED

    def disabled(self, before: Gates) -> Gates:
        """Gates of the flag off for everybody."""
        return DISABLED

    def with_percentage(self, before: Gates, percent: float) -> Gates:
        """Gates with a percentage of actors, others kept; a boolean goes, for it would win."""
        return edited_percentage(before, PERCENTAGE_OF_ACTORS, percent)

    def with_actor(self, before: Gates, actor: str, *, present: bool) -> Gates:
        """Gates with one actor more or less."""
        return edited_actor(before, actor, present=present)

    @property
    def after_write_problem(self) -> str | None:
        """What the last write left undone beside the flag, such as a cache that was away."""
        return None

    def last_writer(self, feature_name: str) -> str | None:
        """Who wrote the flag last, where the store can tell."""
        return None

    def undone(self, written: Gates, found: Gates) -> Gates | None:
        """Gates that repeat our write, where another writer lost it without meaning to.

        None: what was found is somebody's decision, and stays.
        """
        return None

    def same(self, wanted: Gates, found: Gates) -> bool:
        """True where what was found is what was wanted, as far as exposure goes."""
        return wanted == found

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""

    # --- AbstractFeatureFlagStore -----------------------------------------------------------

    def get(self, feature_name: str) -> FeatureFlagStoreItem | None:
        """Return the flag, or None where there is none. Enabled means: not off for everybody."""
        try:
            return item_of(flag_of(feature_name, self.gates(feature_name)))
        except UnknownFlag:
            return None

    def set(self, feature_name: str, is_enabled: bool) -> None:
        """Fully enable or disable a flag that exists."""
        before = self.gates(feature_name)
        self.replace_gates(
            feature_name, self.enabled(before) if is_enabled else self.disabled(before)
        )

    def list(self, limit: int | None = None, offset: int = 0) -> Iterator[FeatureFlagStoreItem]:
        """Yield flags sorted by name."""
        end = None if limit is None else offset + limit
        for flag in self.flags()[offset:end]:
            yield item_of(flag)

    def set_meta(self, feature_name: str, meta: FeatureFlagStoreMeta) -> None:
        """Refuse: there is no place for it, and dropping it silently would lose a rollout."""
        raise FlagError(f"Ruby Flipper has no place for metadata of {feature_name!r}")

    def create(
        self, feature_name: str, is_enabled: bool = False, client_data: dict[str, Any] | None = None
    ) -> FeatureFlagStoreItem:
        """Refuse, unless the store is one for an embedded target: applications declare flags."""
        raise FlagError(f"Tripflag creates no flags: declare {feature_name!r} in the application")

    def delete(self, feature_name: str) -> None:
        """Refuse, for the same reason."""
        raise FlagError(f"Tripflag deletes no flags: remove {feature_name!r} in the application")


def item_of(flag: Flag) -> FeatureFlagStoreItem:
    """Return a flag as flipper-client has it."""
    return FeatureFlagStoreItem(
        flag.name, flag.state is not FlagState.OFF, FeatureFlagStoreMeta(created_date=0)
    )
