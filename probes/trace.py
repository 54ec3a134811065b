"""Take personal data out of the members of a Playwright trace.

Source: tried by hand, format version 10. `*.trace` and `*.network` hold one JSON object a line:
calls with what was typed, logs, snapshots of the DOM, network records; `resources/` holds bodies.
A value that was typed is repeated in logs, errors, addresses and answers, so it is masked wherever
it stands, once any record has shown that it was typed.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from probes.dom import TYPED, Dom
from probes.privacy import MASKED, Mask, with_plain_addresses, without_values
from probes.typed import any_of, typed, without_typed

#: Where Playwright's own words quote a field: how it is typed into, how it looks, what is in it.
_QUOTED = re.compile(r"""((?:fill|type|press)\(|\bvalue[= ])"(?:[^"\\]|\\.)*+"?""")
#: Never needed to understand a run, and full of secrets wherever they stand.
_DROPPED = frozenset(
    {"headers", "extraHTTPHeaders", "cookies", "httpCredentials", "clientCertificates", "proxy"}
    | {"storageState", "postData", "jsonData", "formData", "multipartData", "body"}
)
#: Ours or Playwright's, and referred to by others.
_NAMES = frozenset(
    {"type", "callId", "parentId", "pageId", "frameId", "class", "method", "phase", "apiName"}
    | {"file", "_file", "sha1", "mimeType", "pageref", "_frameref", "_resourceType"}
    | {"startedDateTime", "browserName", "platform"}
)
_SHOWN = frozenset({"viewport", "locale", "timezoneId", "deviceScaleFactor", "isMobile"})
_LOADED = ("stylesheet", "font", "image")
#: Loaded as they are to draw a snapshot: they are the application's, the same for everybody.
#: Scripts are not: no snapshot runs them, and pages put what they know of their user into some.
_LOOKS = (".css", ".woff", ".woff2", ".ttf", ".otf")
_TEXT = (".html", ".json", ".txt", ".xml", ".svg", ".xhtml")
#: Nothing looks at the clock within one text, and masking this much can take two seconds.
MAX_TEXT = 1_000_000


class NotCleaned(Exception):
    """Personal data may still be in a trace, so it must not be kept; the message says why."""


class Cleaner:
    """Cleans one trace. `read` takes every member first, then `clean` gives each of them back.

    Both raise `NotCleaned` past `until` (`time.monotonic()`).
    """

    def __init__(self, mask: Mask, until: float) -> None:
        self._mask = mask
        self._until = until
        self._seen: dict[str, str] = {}
        #: In order, without doubles. What a journey types is looked for before what a page shows.
        self._typed: dict[str, None] = {}
        self._shown: dict[str, None] = {}
        self._dom = Dom(self._text, self._url)
        self._posted: set[str] = set()

    def read(self, name: str, content: bytes) -> None:
        """Learn what was typed, and which bodies were sent and not received."""
        if name.endswith(".trace"):
            for event in self._lines(content):
                found = self._shown if event.get("type") == "frame-snapshot" else self._typed
                with suppress(RecursionError):  # `clean` keeps nothing of such a snapshot
                    for value in typed(event):
                        found[value] = None
        elif name.endswith(".network"):
            for event in self._lines(content):
                sent = _in(event, "snapshot", "request", "postData")
                self._posted.add(str(sent.get("_file") or sent.get("_sha1")))

    def clean(self, name: str, content: bytes) -> bytes | None:
        """Return a member without personal data; None: it must not be kept."""
        if name.endswith(".trace"):
            return _written(map(self._event, self._lines(content)))
        if name.endswith(".network"):
            return _written(map(self._record, self._lines(content)))
        if name.endswith(".stacks"):
            return json.dumps(self._walk(json.loads(content)), ensure_ascii=False).encode()
        if name in self._posted or name.rpartition("/")[2] in self._posted:
            return None
        if name.endswith(_LOOKS):
            return content
        if name.endswith(_TEXT) and b"\0" not in content:
            return self._body(content).encode()
        return None

    @cached_property
    def _again(self) -> re.Pattern[str]:
        return any_of((*self._typed, *self._shown))

    def _body(self, content: bytes) -> str:
        try:
            text = content.decode()
        except UnicodeDecodeError:
            text = content.decode("latin-1")
        return self._text(text)

    def _text(self, text: str) -> str:
        if len(text) > MAX_TEXT:
            return MASKED
        known = self._seen.get(text)
        if known is None:
            self._make_sure_of_time()
            known = self._mask.patterns(self._again.sub(TYPED, text))
            self._seen[text] = known
        return known

    def _lines(self, content: bytes) -> Iterator[dict[str, Any]]:
        """Read a member's lines; one that cannot be read goes: nobody knows what is in it."""
        for line in content.splitlines():
            self._make_sure_of_time()
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict):
                yield event

    def _make_sure_of_time(self) -> None:
        if time.monotonic() > self._until:
            raise NotCleaned("that takes longer than the run may")

    def _url(self, url: str) -> str:
        return self._text(without_values(url))

    def _event(self, event: dict[str, Any]) -> dict[str, Any]:
        if event.get("type") == "frame-snapshot":
            return {**event, "snapshot": self._snapshot(event["snapshot"])}
        if event.get("type") == "context-options":
            shown = {key: each for key, each in event["options"].items() if key in _SHOWN}
            return {**event, "options": shown}
        event = without_typed(event)
        walked: dict[str, Any] = self._walk(event)
        return walked

    def _snapshot(self, snapshot: dict[str, Any]) -> dict[str, Any]:
        overrides = [
            {**each, "url": self._text(str(each.get("url")))}
            for each in snapshot.get("resourceOverrides", ())
        ]
        try:
            masked = self._dom.snapshot(snapshot)
        except RecursionError:  # left out whole, it would shift what later ones refer to
            masked = {**snapshot, "html": ["HTML", {}], "frameUrl": self._url(snapshot["frameUrl"])}
        return {**masked, "resourceOverrides": overrides}

    def _record(self, event: dict[str, Any]) -> dict[str, Any]:
        record: dict[str, Any] = self._walk(event)
        snapshot = record.get("snapshot", {})
        if snapshot.get("_resourceType") in _LOADED:
            # Snapshots name what they load by its address, so both must stay the same.
            snapshot["request"]["url"] = self._text(event["snapshot"]["request"]["url"])
        for side in (snapshot.get("request"), snapshot.get("response")):
            if isinstance(side, dict):
                side |= {"headers": [], "cookies": []}
        for pair in _in(record, "snapshot", "request").get("queryString", ()):
            pair["value"] = MASKED
        return record

    def _walk(self, node: Any, key: str = "") -> Any:
        if isinstance(node, str):
            if key in _NAMES:
                return node
            return self._url(node) if key in ("url", "redirectURL") else self._line(node)
        if isinstance(node, list):
            return [self._walk(each, key) for each in node]
        if isinstance(node, dict):
            kept = ((name, each) for name, each in node.items() if name not in _DROPPED)
            return {name: self._walk(each, name) for name, each in kept}
        return node

    def _line(self, text: str) -> str:
        text = _QUOTED.sub(rf'\1"{TYPED}"', text)
        return self._text(with_plain_addresses(text))


def _in(node: Mapping[str, Any], *path: str) -> dict[str, Any]:
    for key in path:
        node = node.get(key) or {}
    return dict(node)


def _written(events: Iterator[dict[str, Any]]) -> bytes:
    return "".join(
        json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n" for event in events
    ).encode(errors="replace")
