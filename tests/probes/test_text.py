"""Text of a target's, made fit to be kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.text import bounded, plain

ANY = st.text(st.characters(exclude_categories=()), max_size=400)
SHARP = st.text(st.sampled_from("\x1b[]0;m\x07\x9b\\ab\n\ud800\u202e"), max_size=60)


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07seen", "seen"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("\x9b2Jcleared", "cleared"),
        ("two\r\nlines\tand\x00more", "two lines and more"),
        ("half \ud83d of one", "half   of one"),
        ("\u202eturned", "turned"),
        ("\u061cturned", "turned"),
        ("ad\u200bmin\ufeff", "ad min"),
        ("  wide  ", "wide"),
        ("Müller's 東京 🙂", "Müller's 東京 🙂"),
    ],
)
def test_only_what_somebody_would_obey_is_taken_out(text: str, fit: str) -> None:
    assert plain(text) == fit


@given(ANY | SHARP, st.integers(2, 50))
def test_whatever_comes_is_short_printable_and_takes_any_database(text: str, limit: int) -> None:
    kept = bounded(text, limit)

    assert len(kept) <= limit
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029\u202e" for c in kept)
    assert "\x00" not in kept.encode("utf-8").decode()


def test_what_was_cut_says_so_and_what_fits_is_whole() -> None:
    assert bounded("abcdef", 6) == "abcdef"
    assert bounded("abcdefg", 6) == "abcde…"
    assert bounded("\x00" * 100_000 + "end", 6) == "…"
