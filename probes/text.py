"""Text from outside, made fit to be kept: one line, bounded, without control characters."""

from __future__ import annotations

import re

#: Longest text of the target's that goes into a message.
MAX_SEEN = 300

#: Colours and titles for terminals: a message is read in one.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]"
)
#: Control characters; those that turn the direction of what follows, or that nobody sees, so that
#: one name passes for another; halves of a character, which no database takes. The joiners U+200C
#: and U+200D stay: scripts and emoji need them.
_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]+"
)


def plain(text: str) -> str:
    """Return text in one line, without anything that a terminal or a database would obey."""
    return _UNFIT.sub(" ", _ESCAPES.sub("", text)).strip()


def bounded(text: str, limit: int = MAX_SEEN) -> str:
    """Cut the target's text to a plain line of at most `limit` characters."""
    # A target may send megabytes: look at no more of them than can be needed.
    fit = plain(text[: 4 * limit])
    return fit if len(fit) <= limit and len(text) <= 4 * limit else f"{fit[: limit - 1]}…"
