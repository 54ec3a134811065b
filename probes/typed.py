"""What was typed or chosen, as the events of a Playwright trace show it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from probes.dom import TYPED, entered

#: Shorter ones are words such as "yes": masked where they were typed, but not everywhere.
MIN_TYPED = 4
#: Longest part of a typed value, and the most values, that are looked for everywhere.
MAX_LENGTH = 500
MAX_TYPED = 500
#: Calls whose parameters are what a user types or chooses.
_TYPING = re.compile(r"fill|type|press|insertText|keyboard\w+|selectOption|setInputFiles", re.I)
_TYPED_IN = frozenset({"value", "text", "options", "localPaths", "payloads", "streams"})
#: What is typed key by key; "Enter" is no secret that would have to go everywhere.
_KEY = "key"


def any_of(values: Iterable[str]) -> re.Pattern[str]:
    """Match each typed value, as it is or as it stands in an address."""
    words = [word for word in values if len(word) >= MIN_TYPED][:MAX_TYPED]
    spelt = {form for word in words for form in (word, *_in_address(word))}
    some = "|".join(
        re.escape(form[:MAX_LENGTH]) + (r"(?!\w)" if len(form) <= MAX_LENGTH else "")
        for form in sorted(spelt, key=len, reverse=True)
    )
    return re.compile(rf"(?<!\w)(?:{some})" if some else r"(?!)")


def _in_address(word: str) -> tuple[str, str]:
    # A page can show half a character, which has no form in UTF-8.
    return quote(word, errors="replace"), quote_plus(word, errors="replace")


def typed(event: dict[str, Any]) -> Iterator[str]:
    """Find what a trace's event shows to have been typed or to stand in a field."""
    if event.get("type") == "frame-snapshot":
        yield from entered((event.get("snapshot") or {}).get("html"))
    elif _is_typing(event):
        params = event.get("params") or {}
        for key in _TYPED_IN & params.keys():
            yield from _texts(params[key])


def without_typed(event: dict[str, Any]) -> dict[str, Any]:
    """Return a trace's event; where it is a call that types, without what was typed."""
    if not _is_typing(event):
        return event
    params = event.get("params") or {}
    hidden = {key: _hidden(params[key]) for key in (*_TYPED_IN, _KEY) if key in params}
    return {**event, "params": {**params, **hidden}}


def _is_typing(event: dict[str, Any]) -> bool:
    return event.get("type") == "before" and bool(_TYPING.fullmatch(str(event.get("method"))))


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for each in node.values() if isinstance(node, dict) else node:
            yield from _texts(each)


def _hidden(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _hidden(each) for key, each in node.items()}
    if isinstance(node, list):
        return [_hidden(each) for each in node]
    return TYPED if isinstance(node, str) else node
