"""What can be broken on the stage, and the holder that says what is broken now."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from threading import Condition

DEFAULT_DELAY_S = 1.5
MAX_DELAY_S = 30.0
# Chromium gives up on a silent answer after minutes; a probe's own deadline is far shorter.
HANG_BOUND_S = 60.0
# Below the server's thread count, so that the fault panel still answers while everything hangs.
MAX_WAITING = 24
# How often a waiting request looks whether its browser has gone away.
GONE_POLL_S = 0.25


class Area(StrEnum):
    """What a fault breaks."""

    WIDGET = "widget"
    SITE = "site"
    ASSESSMENT = "assessment"


class Fault(StrEnum):
    """One way to break the stage."""

    API_500 = "api_500"
    API_401 = "api_401"
    API_403 = "api_403"
    API_422 = "api_422"
    API_SLOW = "api_slow"
    API_GARBAGE = "api_garbage"
    API_HANG = "api_hang"
    API_WRONG_PERSON = "api_wrong_person"
    SCRIPT_404 = "script_404"
    SCRIPT_THROWS = "script_throws"
    DRAW_THROWS = "draw_throws"
    WIDGET_WRONG_CONTENT = "widget_wrong_content"
    PAGE_BLANK = "page_blank"
    PAGE_WRONG_CONTENT = "page_wrong_content"
    TOGGLES_500 = "toggles_500"
    TOGGLES_GARBAGE = "toggles_garbage"
    TOGGLES_MISSING_FLAG = "toggles_missing_flag"
    TOGGLES_SLOW = "toggles_slow"
    SITE_500 = "site_500"
    SITE_HANG = "site_hang"
    ASSESSMENT_API_500 = "assessment_api_500"
    ASSESSMENT_STEP_STUCK = "assessment_step_stuck"
    ASSESSMENT_LOSES_DATA = "assessment_loses_data"

    @property
    def area(self) -> Area:
        """What this fault breaks."""
        return FACTS[self][0]

    @property
    def description(self) -> str:
        """What a user meets while this fault is on."""
        return FACTS[self][1]

    @property
    def is_slow(self) -> bool:
        """True where a delay can be chosen."""
        return self in (Fault.API_SLOW, Fault.TOGGLES_SLOW)


FACTS: dict[Fault, tuple[Area, str]] = {
    Fault.API_500: (Area.WIDGET, "The widget's API answers 500: signed-in users see an error."),
    Fault.API_401: (Area.WIDGET, "The widget's API takes nobody's session any more: 401."),
    Fault.API_403: (Area.WIDGET, "The widget's API forbids everybody: 403."),
    Fault.API_422: (Area.WIDGET, "The widget's API answers 422: shown as no representative."),
    Fault.API_SLOW: (Area.WIDGET, "The widget's API answers late."),
    Fault.API_GARBAGE: (Area.WIDGET, "The widget's API answers 200 with a web page, not JSON."),
    Fault.API_HANG: (Area.WIDGET, "The widget's API never answers: loading without end."),
    Fault.API_WRONG_PERSON: (Area.WIDGET, "The widget's API answers with somebody else's data."),
    Fault.SCRIPT_404: (
        Area.WIDGET,
        "The widget's script is missing: the page's own spinner stays, whatever the flag says.",
    ),
    Fault.SCRIPT_THROWS: (
        Area.WIDGET,
        "The widget's code throws when it mounts: the spinner stays, whatever the flag says.",
    ),
    Fault.DRAW_THROWS: (
        Area.WIDGET,
        "The widget's code throws when it draws: the spinner stays while the flag is on.",
    ),
    Fault.WIDGET_WRONG_CONTENT: (Area.WIDGET, "The widget's headings all read “undefined”."),
    Fault.PAGE_BLANK: (Area.SITE, "Every page is a 200 with nothing in it."),
    Fault.PAGE_WRONG_CONTENT: (Area.SITE, "Every page is a 200 that announces maintenance."),
    Fault.TOGGLES_500: (Area.SITE, "The toggle service answers 500: every flag looks off."),
    Fault.TOGGLES_GARBAGE: (Area.SITE, "The toggle service answers 200 with a web page."),
    Fault.TOGGLES_MISSING_FLAG: (Area.SITE, "The toggle list lacks the widget's flag."),
    Fault.TOGGLES_SLOW: (Area.SITE, "The toggle service answers late."),
    Fault.SITE_500: (Area.SITE, "Every page, API and asset answers 500."),
    Fault.SITE_HANG: (Area.SITE, "No page, API or asset ever answers."),
    Fault.ASSESSMENT_API_500: (Area.ASSESSMENT, "The assessment's API answers 500."),
    Fault.ASSESSMENT_STEP_STUCK: (
        Area.ASSESSMENT,
        "The button “Review answers” does nothing.",
    ),
    Fault.ASSESSMENT_LOSES_DATA: (
        Area.ASSESSMENT,
        "The API says that it saved and submitted, but the answers are gone.",
    ),
}


@dataclass(frozen=True, slots=True)
class FaultState:
    """One fault and whether it is on."""

    fault: Fault
    on: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Switched:
    """One switching on; compared by identity, so that off and on again frees those who wait."""

    delay_s: float


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
