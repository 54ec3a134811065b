"""Let axe look for what keeps people from using a page.

It runs in a world of its own: it sees the page's elements, open shadow roots included, and shares
no JavaScript object with it, so a page can neither fake nor break it cheaply; and no content policy
of the page's applies there.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page
from playwright.sync_api import Error as PlaywrightError

from probes.model import Violation
from probes.text import bounded

MAX_VIOLATIONS = 50
MAX_TARGET = 300
MAX_WORDS = 200

_AXE = Path(__file__).parents[1] / "assets" / "node_modules" / "axe-core" / "axe.min.js"
_IMPACTS = ("critical", "serious", "moderate", "minor")
#: Only the top frame, and without loading style sheets anew: axe must not ask the target for more.
#: The worst come first, so that the bound cuts off the least.
_RUN = f"""
const options = {{resultTypes: ["violations"], iframes: false, preload: false}};
axe.run(document, options).then((found) => {{
  const impacts = {json.dumps(_IMPACTS)};
  const all = found.violations.flatMap((rule) => rule.nodes.map((node) => ({{
    rule: rule.id,
    impact: node.impact,
    target: node.target.flat(9).join(" >>> ").slice(0, {2 * MAX_TARGET}),
    help: rule.help,
  }})));
  all.sort((one, other) => impacts.indexOf(one.impact) - impacts.indexOf(other.impact));
  return JSON.stringify(all.slice(0, {MAX_VIOLATIONS}));
}})
"""


def audit(page: Page, deadline: float) -> tuple[Violation, ...] | None:
    """Return what axe finds in a page, the worst first; None where it cannot look in time.

    Never raises, and returns shortly after `deadline` (`time.monotonic()`) whatever the page does.
    """
    script = _script()
    browser = page.context.browser
    if not script or browser is None:
        return None
    with suppress(PlaywrightError, LookupError, TypeError, ValueError):
        line = browser.new_browser_cdp_session()
        try:
            return _read(_Mailbox(line, page, deadline).run(script))
        finally:
            with suppress(PlaywrightError):
                line.detach()
    return None


class _Late(ValueError):
    """The page did not answer in time."""


class _Mailbox:
    """Talks to a page by letters that the browser passes on.

    Every other way of running a script waits for its answer without end where the page's thread
    never comes free; a letter is taken at once, and its answer is awaited here, with a deadline.
    """

    def __init__(self, line: CDPSession, page: Page, deadline: float) -> None:
        self._line = line
        self._page = page
        self._deadline = deadline
        self._answers: dict[int, dict[str, Any]] = {}
        self._sent = 0
        line.on("Target.receivedMessageFromTarget", self._take)
        # Not detached again: that, too, would wait for the page. It ends with the context.
        info = page.context.new_cdp_session(page).send("Target.getTargetInfo")
        self._target = info["targetInfo"]["targetId"]
        attached = line.send("Target.attachToTarget", {"targetId": self._target, "flatten": False})
        self._session = attached["sessionId"]

    def run(self, script: str) -> str:
        """Run a script in a world of its own and return the text that it resolves to."""
        # In Chromium a tab's id is its top frame's too.
        frame = {"frameId": self._target, "worldName": "tripflag"}
        world = self._ask("Page.createIsolatedWorld", frame)["executionContextId"]
        asked = {
            "contextId": world,
            "expression": script,
            "awaitPromise": True,
            "returnByValue": True,
            "timeout": max(1.0, (self._deadline - time.monotonic()) * 1000),
        }
        return str(self._ask("Runtime.evaluate", asked)["result"]["value"])

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._sent += 1
        letter = json.dumps({"id": self._sent, "method": method, "params": params})
        self._line.send(
            "Target.sendMessageToTarget", {"sessionId": self._session, "message": letter}
        )
        while self._sent not in self._answers:
            if time.monotonic() >= self._deadline:
                raise _Late(method)
            self._page.wait_for_timeout(10)
        result: dict[str, Any] = self._answers.pop(self._sent)["result"]
        return result

    def _take(self, event: dict[str, Any]) -> None:
        letter = json.loads(event["message"])
        if "id" in letter:
            self._answers[letter["id"]] = letter


@lru_cache(maxsize=1)
def _script() -> str:
    with suppress(OSError):
        return f"{_AXE.read_text('utf-8')}\n;{_RUN}"
    return ""


def _read(text: str) -> tuple[Violation, ...]:
    """Make violations of axe's answer; selectors are made of the page's own words."""
    return tuple(
        Violation(
            rule=bounded(each["rule"], MAX_WORDS),
            impact=each["impact"] if each["impact"] in _IMPACTS else "minor",
            target=bounded(each["target"], MAX_TARGET),
            help=bounded(each["help"], MAX_WORDS),
        )
        for each in json.loads(text)[:MAX_VIOLATIONS]
    )
