"""Walks the stage's hostile corner, and quotes what it meets, as careless journeys do."""

from __future__ import annotations

from contextlib import suppress

from probes.browser import PlaywrightError
from probes.journey import Page, Params, Visit, expect, journey, promise, step

CORNER = "/stage/hostile/"


class Corner(Params):
    """`flag`: what the page was told of it is kept; `ends`: how the journey ends."""

    flag: str
    ends: str = "badly"


@journey("hostile", params=Corner)
def hostile(page: Page, visit: Visit) -> None:
    # No session opens an alert; what plants opens another kind of dialog, at a quiet moment.
    with step("open what is raw"), suppress(PlaywrightError):
        page.goto(visit.url(f"{CORNER}raw"), timeout=2000)
    _leave(page)
    with step("open what is exact"):
        _open(page, visit)
    visit.toggles(2)
    visit.expose(visit.params.flag, rendered=True)
    heading = page.evaluate("document.querySelector('h1').textContent.slice(0, 2000)")
    with step(f"read {heading}"):
        title = page.title()[:2000]
    with step(f"save {_saved(page)}"):
        pass
    if visit.params.ends == "well":
        return
    with step("compare"):
        if visit.params.ends == "as expected":
            expect(page.locator("h1")).to_have_text("A heading of ours", timeout=1)
        promise(False, heading, hard=True)
    raise AssertionError(title)


@journey("harmless", params=Corner)
def harmless(page: Page, visit: Visit) -> None:
    with step("open the stage"):
        page.goto(visit.url("/contact-us/"))
    visit.expose(visit.params.flag, rendered=False)


#: A page that sends the browser elsewhere can do so again after it was left.
TRIES = 5


def _leave(page: Page) -> None:
    """Get off a page that may be sending the browser elsewhere right now."""
    for _ in range(TRIES):
        with suppress(PlaywrightError):
            page.goto("about:blank", timeout=8000)
            return


def _open(page: Page, visit: Visit) -> None:
    for _ in range(TRIES):
        with suppress(PlaywrightError):
            page.goto(visit.url(CORNER), wait_until="commit", timeout=8000)
        # One that was interrupted may arrive all the same; asked for again at once, it would
        # interrupt itself.
        with suppress(PlaywrightError):
            page.locator("body[data-planted]").wait_for(timeout=4000, state="attached")
            return
    promise(False, "the hostile page plants its texts")


def _saved(page: Page) -> str:
    try:
        with page.expect_download(timeout=2000) as download:
            page.locator("#save").evaluate("link => link.click()")
        name: str = download.value.suggested_filename
    except PlaywrightError as cause:
        name = str(cause)
    return name
