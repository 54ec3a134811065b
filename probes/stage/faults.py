"""The holder that says what is broken now."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from threading import Condition

from probes.stage.fault import SHARES, Area, Fault

__all__ = ["Area", "Fault", "FaultPanel", "FaultState"]

DEFAULT_DELAY_S = 1.5
MAX_DELAY_S = 30.0
# Chromium gives up on a silent answer after minutes; a probe's own deadline is far shorter.
HANG_BOUND_S = 60.0
# Below the server's thread count, so that the fault panel still answers while everything hangs.
MAX_WAITING = 24
# How often a waiting request looks whether its browser has gone away.
GONE_POLL_S = 0.25
# Chance begins anew at each switching on. Of a flaky API's requests it hits the fifth and the sixth
# and then none for long: two unlucky ones in a row are what a guard must not take for a fault.
SEED = 3075


@dataclass(frozen=True, slots=True)
class FaultState:
    """One fault and whether it is on."""

    fault: Fault
    on: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Switched:
    """One switching on; compared by identity, so that off and on again frees those who wait."""

    delay_s: float
    chance: Random = field(default_factory=lambda: Random(SEED))  # noqa: S311 - nothing secret


class FaultPanel:
    """Which faults are on, for any number of threads; requests wait here when they must hang."""

    def __init__(
        self, *, hang_bound_s: float = HANG_BOUND_S, max_waiting: int = MAX_WAITING
    ) -> None:
        self._changed = Condition()
        self._on: dict[Fault, _Switched] = {}
        self._hang_bound_s = hang_bound_s
        self._max_waiting = max_waiting
        self._waiting = 0
        self._closed = False

    def is_on(self, fault: Fault) -> bool:
        """Say whether a fault is on now."""
        with self._changed:
            return fault in self._on

    def strikes(self, fault: Fault) -> bool:
        """Say whether a fault is on and hits this request; one by chance hits only some."""
        with self._changed:
            switched = self._on.get(fault)
            return switched is not None and switched.chance.random() < SHARES.get(fault, 1)

    def switch(self, fault: Fault, on: bool, delay_s: float = DEFAULT_DELAY_S) -> None:
        """Turn one fault on or off; off frees every request that waits because of it."""
        with self._changed:
            if not on:
                self._on.pop(fault, None)
            elif fault not in self._on or self._on[fault].delay_s != delay_s:
                self._on[fault] = _Switched(delay_s)
            self._changed.notify_all()

    def mend(self) -> None:
        """Turn every fault off and free every waiting request."""
        with self._changed:
            self._on.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Free every waiting request; nothing waits here again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def states(self) -> tuple[FaultState, ...]:
        """Return every fault in the order of `Fault`."""
        with self._changed:
            return tuple(FaultState(fault, fault in self._on) for fault in Fault)

    @property
    def waiting(self) -> int:
        """How many requests hang or dawdle now."""
        with self._changed:
            return self._waiting

    def delay(self, fault: Fault, gone: Callable[[], bool]) -> None:
        """Return after the fault's delay, or at once when it is off, mended or unwanted."""
        self._wait(fault, gone, hang=False)

    def hang(self, fault: Fault, gone: Callable[[], bool]) -> bool:
        """Return once the fault is off, the panel closes, the bound is reached, or no one waits.

        Returns:
            True where the request may be answered normally, because the fault is off.
        """
        return self._wait(fault, gone, hang=True)

    def _wait(self, fault: Fault, gone: Callable[[], bool], *, hang: bool) -> bool:
        with self._changed:
            switched = self._on.get(fault)
            if switched is None:
                return True
            if self._waiting >= self._max_waiting:
                return False
            bound_s = self._hang_bound_s if hang else switched.delay_s
            until = time.monotonic() + bound_s
            self._waiting += 1
            try:
                while self._on.get(fault) is switched and not self._closed and not gone():
                    left_s = until - time.monotonic()
                    if left_s <= 0:
                        break
                    self._changed.wait(min(left_s, GONE_POLL_S))
                return self._on.get(fault) is not switched
            finally:
                self._waiting -= 1
