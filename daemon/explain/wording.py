"""PURE: texts, times and spans as people read them, each of bounded length."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

#: Longest text of a target's or an operator's.
BRIEF = 240


def brief(text: str, longest: int = BRIEF) -> str:
    """Return a text as one printable line of bounded length.

    It goes to terminals and messages: no line breaks, escapes or changes of direction.
    """
    plain = "".join(
        " " if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") else char
        for char in text[: longest * 4]
    )
    line = " ".join(plain.split())
    return line if len(line) <= longest else line[:longest] + " …"


def clock(at: datetime | None, besides: datetime | None = None) -> str:
    """Write a time in UTC; the date is left out where it is that of `besides`."""
    if at is None:
        return "unknown"
    at = at.astimezone(UTC)
    same = besides is not None and at.date() == besides.astimezone(UTC).date()
    return f"{at:%H:%M:%S}" if same else f"{at:%Y-%m-%d %H:%M:%S}"


def span(seconds: float) -> str:
    """Write a span of time in its two largest units."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
