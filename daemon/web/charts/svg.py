"""SVG that a page may hold: from pygal, or drawn here; only what is on the list survives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from markupsafe import Markup

from probes.text import bounded

#: Nothing here can load, run, link or style; all the rest of pygal's output can, or is of no use.
_TAGS = frozenset({"svg", "g", "path", "rect", "circle", "line", "text", "title", "desc"})
_ATTRIBUTES = frozenset(
    {
        *("id", "class", "role", "aria-labelledby", "aria-hidden", "viewBox", "transform"),
        *("x", "y", "x1", "x2", "y1", "y2", "width", "height", "rx", "ry", "cx", "cy", "r", "d"),
    }
)
_FRACTION = re.compile(r"\d+\.\d+")
_SERIE = re.compile(r"\bserie-(\d+)\b")
#: Longest text inside a picture.
MAX_TEXT = 120


def picture(kind: str, id: str, width: float, height: float, title: str, desc: str) -> Element:
    """Begin an `<svg role="img">` that a screen reader reads as its title and description."""
    root = Element("svg", {"viewBox": f"0 0 {width:g} {height:g}", "class": f"chart {kind}"})
    _name(root, id, title, desc)
    return root


def add(parent: Element, tag: str, text: str = "", **attributes: object) -> Element:
    """Add an element; `class_` is its class, numbers lose what no eye sees."""
    named = {
        key.rstrip("_"): f"{value:.1f}" if isinstance(value, float) else str(value)
        for key, value in attributes.items()
    }
    node = SubElement(parent, tag, named)
    if text:
        node.text = bounded(text, MAX_TEXT)
    return node


def from_pygal(chart: Any, id: str, title: str, desc: str, tones: Mapping[int, str]) -> Element:
    """Draw a pygal chart without its styles and scripts; series `n` gets the class `tones[n]`.

    Args:
        chart: a configured pygal graph; its own tooltips become `<title>`s, which need no script.
    """
    root: Element = chart.render_tree()
    root.attrib = {"viewBox": root.attrib["viewBox"], "class": "chart"}
    _strip(root, tones)
    for old in root.findall("title"):
        root.remove(old)
    _name(root, id, title, desc)
    return root


def written(root: Element) -> Markup:
    """Write a picture as markup, every text in it escaped."""
    # What it holds went through `add` or `_strip`; the serializer escapes texts and attributes.
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704


def _name(root: Element, id: str, title: str, desc: str) -> None:
    named = {"title": title, "desc": desc}
    for at, (tag, text) in enumerate(named.items()):
        node = Element(tag, {"id": f"{id}-{tag}"})
        node.text = bounded(text, 500)
        root.insert(at, node)
    root.set("role", "img")
    root.set("aria-labelledby", f"{id}-title {id}-desc")


def _strip(node: Element, tones: Mapping[int, str]) -> None:
    value = node.find("desc[@class='value']")
    for child in list(node):
        if child.tag not in _TAGS or child.tag == "desc":
            node.remove(child)
        else:
            _strip(child, tones)
    if value is not None:
        add(node, "title", value.text or "")
    kept = {key: text for key, text in node.attrib.items() if key in _ATTRIBUTES}
    serie = _SERIE.search(kept.get("class", ""))
    if serie:
        kept["class"] = f"series {tones.get(int(serie[1]), '')}".strip()
    node.attrib = {
        key: text if key in ("class", "viewBox") else _FRACTION.sub(_short, text)
        for key, text in kept.items()
    }
    if node.text:
        node.text = bounded(node.text, MAX_TEXT)


def _short(match: re.Match[str]) -> str:
    return f"{float(match[0]):.1f}"
