"""Opens pages as an operator does, and tells everything that hostile text brought about there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Dialog, Page, Request
from playwright.sync_api import Error as PlaywrightError

from tests.hostile.corpus import MARK, PRODUCT

_WATCH = Path(__file__).parent / "watch.js"
#: What a page of ours may ask for, beside itself.
_OURS = re.compile(
    r"/static/[0-9a-f]{16}/[a-z0-9.-]+|/assets/[a-z0-9.-]+"
    r"|/api/v1/runs/[^/]+/artifacts/screenshot"
)
#: The page's own module, which is loaded already: its update, without its waiting.
_UPDATE = """() => {
  const ours = document.querySelector("head > script[type=module][src^='/static/']").src;
  return import(ours.replace(/live\\.js$/, "live-page.js")).then((live) => live.refresh());
}"""
#: Characters that nobody sees, and that turn or hide what stands beside them.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)


@dataclass
class Sight:
    """A page as it was in the end. `troubles`: what is wrong with it whatever it was told."""

    told: str
    elements: frozenset[str]
    born: frozenset[str]
    title: str
    troubles: list[str]

    def against(self, harmless: Harmless) -> list[str]:
        """Return all troubles, elements that no harmless text makes included."""
        return [
            *self.troubles,
            *(f"an element: {each}" for each in sorted(self.elements - harmless.elements)),
            *(f"for a moment: {each}" for each in sorted(self.born - harmless.born)),
            *([] if self.title in harmless.titles else [f"a title: {self.title}"]),
        ]


@dataclass
class Harmless:
    """What pages of one kind are made of where the text is harmless."""

    elements: set[str] = field(default_factory=set)
    born: set[str] = field(default_factory=set)
    titles: set[str] = field(default_factory=set)

    def learn(self, sight: Sight) -> None:
        self.elements |= sight.elements
        self.born |= sight.born
        self.titles.add(sight.title)


class Detector:
    """One tab that looks at one page after the other."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context
        self._events: list[str] = []
        self._wanted = self._before = ""
        context.add_init_script(path=_WATCH)
        self.page = self._tab()

    def look(self, url: str, status: int = 200, *, update: bool = True) -> Sight:
        """Open a page, let it update itself once, and say what was seen."""
        self._events.clear()
        self._before, self._wanted = self._wanted, url
        answer = self.page.goto(url, wait_until="load")
        if update:
            self._update()
        found = self._found()
        troubles = [*self._events, *_troubles(found, url)]
        if answer is None or answer.status != status:
            troubles.append(f"answered {answer and answer.status}, not {status}")
        elements, born = frozenset(found["elements"]), frozenset(found["born"])
        return Sight(found["told"], elements, born, found["title"], troubles)

    def _found(self) -> dict[str, Any]:
        found: dict[str, Any]
        try:
            found = self.page.evaluate("window.tripflagWatch()")
        except PlaywrightError as cause:  # it is being sent away right now
            self._events.append(f"it cannot be read: {cause.message.splitlines()[0]}")
            self.page.wait_for_load_state()
            found = self.page.evaluate("window.tripflagWatch()")
        return found

    def _update(self) -> None:
        try:
            self.page.evaluate(_UPDATE)
        except PlaywrightError as cause:
            self._events.append(f"it cannot update itself: {cause.message.splitlines()[0]}")

    def _tab(self) -> Page:
        page, note = self._context.new_page(), self._events.append
        page.on("dialog", self._dismiss)
        page.on("pageerror", lambda error: note(f"an exception: {error}"))
        page.on("console", lambda line: self._hear(line.type, line.text))
        page.on("popup", lambda other: note(f"another window: {other.url}"))
        page.on("download", lambda file: note(f"a download: {file.url}"))
        page.on("request", self._judge)
        page.on("framenavigated", lambda frame: self._moved(frame.url))
        return page

    def _dismiss(self, dialog: Dialog) -> None:
        self._events.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _hear(self, kind: str, text: str) -> None:
        # A page of a refusal is answered with its status, which a browser tells as an error.
        # What a form's field cannot hold, the browser leaves out and says so.
        ours = "Failed to load resource" in text or "does not conform to the required" in text
        if not ours and (MARK in text or kind in ("error", "warning")):
            self._events.append(f"the console: {text}")

    def _judge(self, sent: Request) -> None:
        wanted, asked = urlsplit(self._wanted), urlsplit(sent.url)
        if sent.url == self._before:
            return  # the page that is left may just be looking for news of its own
        same = asked.netloc == wanted.netloc and asked.scheme == wanted.scheme
        known = asked.path == wanted.path or _OURS.fullmatch(asked.path)
        if not same or not known:
            self._events.append(f"a request: {sent.url[:200]}")

    def _moved(self, url: str) -> None:
        if url != self._wanted:
            self._events.append(f"a navigation: {url[:200]}")


def _troubles(found: dict[str, Any], url: str) -> Iterator[str]:
    yield from (f"against the policy: {each}" for each in found["violations"])
    yield from (f"another window: {each}" for each in found["opened"])
    yield from (f"a mark: {each}" for each in found["marked"])
    yield from (f"twice the id: {each}" for each in found["twice"])
    if found["wide"] > 0:
        yield f"{found['wide']} px too wide"
    if PRODUCT in found["told"]:
        yield "a template was filled in"
    if unseen := UNSEEN.search(found["told"]):
        around = found["told"][max(0, unseen.start() - 30) : unseen.end() + 30]
        yield f"a character that is not seen: {around!a}"
    if found["address"] != url:
        yield f"another address: {found['address'][:200]}"
