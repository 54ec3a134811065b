"""PURE: text from outside inside Markdown, so that no renderer obeys it."""

from __future__ import annotations

import re

from probes.text import bounded, plain

#: Longest line, and most lines, of a block.
LONGEST, MOST_LINES = 300, 120


def code(text: str, limit: int = LONGEST) -> str:
    """Return text as one code span: nothing in it is markup, a link, an image or a mention.

    Escaping would not do: several renderers turn addresses and `@names` into links after they
    have taken the escapes away. In code none of them does.
    """
    line = bounded(text, limit)
    if not line:
        return "(empty)"
    fence = _fence(line, 1)
    # Blanks inside, which renderers strip: a text may begin or end with a backtick.
    return f"{fence} {line} {fence}"


def block(text: str) -> str:
    """Return a text of several lines as a fenced block, bounded."""
    lines = [plain_line(line) for line in text.split("\n")[:MOST_LINES]]
    if text.count("\n") >= MOST_LINES:
        lines.append("…")
    body = "\n".join(lines)
    fence = _fence(body, 3)
    return f"{fence}text\n{body}\n{fence}"


def plain_line(text: str) -> str:
    """Return one line of a block, its indentation kept."""
    cut = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    indent = len(cut) - len(cut.lstrip(" "))
    return " " * indent + plain(cut)


def _fence(text: str, least: int) -> str:
    """Return more backticks than stand in a row anywhere in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)
