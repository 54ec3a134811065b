"""What is blacked out in screenshots: fields, what the operator names, text like personal data.

Playwright draws over it while it takes the picture: nothing of the page's own changes. Open shadow
roots are looked through, closed ones cannot be.
"""

from __future__ import annotations

import re

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from config.schema import PrivacySpec

COLOUR = "#000000"
_FIELDS = "input, textarea, select, [contenteditable]:not([contenteditable=false i])"
#: Coarser than those for text, and in the browser's own dialect: they only choose elements.
#: Bounded, so that a page of one endless word takes no longer than another.
_LOOKS_LIKE = {
    "email": r"\S@[^\s@]{1,255}\.[a-z]{2}",
    "ssn": r"\b\d{3}([- ]?)\d\d\1\d{4}\b",
    "phone": r"\+[1-9][\d ().-]{7,20}\d|(\(\d{3}\) ?|\b\d{3}[-. ]?)\d{3}[-. ]?\d{4}\b",
}
_NO_SELECTOR = ("while parsing css selector", "is not a valid selector")


class BadSelector(Exception):
    """A selector of `privacy.black_out` is none; the message names the remedy."""


def black_out(page: Page, spec: PrivacySpec) -> list[Locator]:
    """Return what to cover in each frame of a page."""
    selectors = (_FIELDS, *spec.black_out)
    covered = [frame.locator(f"css={each}") for frame in page.frames for each in selectors]
    known = [re.compile(_LOOKS_LIKE[kind], re.IGNORECASE) for kind in spec.built_in]
    return covered + [frame.get_by_text(each) for frame in page.frames for each in known]


def bad_selector(cause: PlaywrightError) -> BadSelector | None:
    """Say whether a screenshot failed because of what the operator wrote."""
    said = cause.message.splitlines()[0]
    if isinstance(cause, PlaywrightTimeout) or not any(words in said for words in _NO_SELECTOR):
        return None
    return BadSelector(f"privacy.black_out has no CSS selector there, mend it: {said[:300]}")
