"""Mask a DOM snapshot of a Playwright trace.

A node is text, `[TAG, {attributes}, child...]`, or `[[snapshots back, number]]`: a reference to a
node of an earlier snapshot, which was masked there. Attributes that begin with `__playwright_` hold
what a user entered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

TYPED = "[typed]"

#: Chosen, not typed; a snapshot is as good without.
_CHOSEN = ("__playwright_checked_", "__playwright_selected_", "checked", "selected")
_ENTERED = "__playwright_value_"
#: Their value is what stands on them.
_BUTTONS = ("submit", "button", "reset", "image")


class Dom:
    """Masks snapshots; `text` masks any text, `url` an address of a page."""

    def __init__(self, text: Callable[[str], str], url: Callable[[str], str]) -> None:
        self._text = text
        self._url = url

    def snapshot(self, snapshot: dict[str, Any]) -> dict[str, Any]:
        """Return a snapshot whose text is masked and whose fields are empty."""
        masked = {**snapshot, "html": self._node(snapshot["html"], entered=False)}
        if "frameUrl" in snapshot:
            masked["frameUrl"] = self._url(snapshot["frameUrl"])
        return masked

    def _node(self, node: Any, *, entered: bool) -> Any:
        if isinstance(node, str):
            return TYPED if entered and node.strip() else self._text(node)
        if not isinstance(node, list) or not node or not isinstance(node[0], str):
            return node
        tag, *rest = node
        attributes = rest.pop(0) if rest and isinstance(rest[0], dict) else None
        given = attributes or {}
        inside = entered or tag == "TEXTAREA" or _editable(given)
        children = [self._node(child, entered=inside) for child in rest]
        if attributes is None:
            return [tag, *children]
        return [tag, self._attributes(tag, given), *children]

    def _attributes(self, tag: str, given: dict[str, Any]) -> dict[str, Any]:
        masked = {}
        for name, value in given.items():
            if name in _CHOSEN:
                continue
            if _is_entered(tag, name, given):
                masked[name] = TYPED if value else value
            elif tag == "BASE" and name == "href":
                masked[name] = self._url(str(value))
            else:
                masked[name] = self._text(value) if isinstance(value, str) else value
        return masked


def entered(node: Any, inside: bool = False) -> Iterator[str]:
    """Find every value that stands in a field of a snapshot."""
    if isinstance(node, str):
        if inside and node.strip():
            yield node.strip()
        return
    if not isinstance(node, list) or not node or not isinstance(node[0], str):
        return
    tag, *rest = node
    given = rest.pop(0) if rest and isinstance(rest[0], dict) else {}
    if tag != "OPTION" and given.get("type") not in ("checkbox", "radio"):
        for name, value in given.items():
            if value and isinstance(value, str) and _is_entered(tag, name, given):
                yield value.strip()
    for child in rest:
        yield from entered(child, inside or tag == "TEXTAREA" or _editable(given))


def _is_entered(tag: str, name: str, given: dict[str, Any]) -> bool:
    if name == _ENTERED:
        return True
    field = tag in ("INPUT", "TEXTAREA") or "-" in tag
    return name == "value" and field and str(given.get("type")).lower() not in _BUTTONS


def _editable(given: dict[str, Any]) -> bool:
    return str(given.get("contenteditable", "false")).lower() != "false"
