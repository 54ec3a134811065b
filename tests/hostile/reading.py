"""How people read: whatever blanks there are, and with terminals that obey what they are sent."""

from __future__ import annotations

import re
import unicodedata

_TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def words(text: str) -> str:
    """Return text as it can be compared, whatever blanks stand between its words."""
    return re.sub(r"\s+", " ", text)


def obeyed(text: str) -> list[str]:
    """Characters that a terminal would obey, or that turn what stands beside them."""
    return [
        f"U+{ord(each):04X}"
        for each in sorted(set(text))
        if each != "\n"
        and (unicodedata.category(each) in ("Cc", "Zl", "Zp", "Cs") or each in _TURNING)
    ]
