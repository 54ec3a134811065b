"""Every page, with the corpus in every text on it: nothing of it acts, and all of it is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser

from tests.hostile.corpus import HARMLESS
from tests.hostile.detector import Detector, Harmless
from tests.hostile.ground import SPOTS, Ground, Spot
from tests.hostile.reading import words

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

#: Pages that show many spots at once.
WHOLE = (
    "/",
    "/runs?limit=500",
    "/runs?probe=said&limit=500",
    "/runs?probe=number&limit=500",
    "/probes",
    "/probes/said",
    "/probes/number",
    "/incidents?limit=500",
    "/flags",
    "/audit?limit=500",
    "/circuits",
    "/drills",
    "/settings",
)
#: Those of them on which each text can be read.
ALL_SHOWN = ("/", "/probes", "/incidents?limit=500")
#: What no page of ours is made of, whatever it shows.
FOREIGN = re.compile(
    r"^(iframe|object|embed|base|marquee|math|maction|animate|details ontoggle|noscript|b|style) "
    r"| on[a-z]+=| style=|srcdoc|http-equiv|=(javascript|data|vbscript):"
    r"|//elsewhere|=nowhere"
)


@pytest.fixture(scope="module")
def detector(browser: Browser) -> Iterator[Detector]:
    context = browser.new_context(viewport={"width": 360, "height": 800})
    context.set_default_timeout(20_000)
    yield Detector(context)
    context.close()


def own_pages(ground: Ground, spot: Spot) -> dict[str, tuple[str, int]]:
    """Pages about one spot, by kind, with the status that each must have."""
    said = quote(spot.hostile.whole[:200], safe="", errors="replace")
    return {
        "run": (f"/runs/{ground.runs[spot][0].id}", 200),
        "guard": (f"/guards/{spot.guard}", 200),
        "incident": (f"/incidents/{ground.incidents[spot]}", 200),
        "probe": (f"/probes/{spot.probe}", 200),
        "flag": (f"/flags/{spot.flag}", 200),
        "a run that is not there": (f"/runs/x{said}", 404),
        "a time that is none": (f"/guards/{spot.guard}?at=x{said}", 400),
        "runs of nobody": (f"/runs?outcome={said}&since=x{said}", 422),
    }


def turn(pages: dict[str, tuple[str, int]], spot: Spot) -> dict[str, tuple[str, int]]:
    """Choose what time allows: its run for each hostile text, and one of the rest in turn."""
    if spot.hostile in HARMLESS:
        return pages
    first, *rest = pages
    return {kind: pages[kind] for kind in (first, rest[spot.number % len(rest)])}


def test_no_text_of_a_target_acts_on_any_page_about_it(
    ground: Ground, url: str, detector: Detector
) -> None:
    troubles: list[str] = []
    known: dict[str, Harmless] = {}
    for spot in SPOTS:
        for kind, (path, status) in turn(own_pages(ground, spot), spot).items():
            # Of its two pages, one updates itself: that costs as much as to load it.
            update = (kind == "run") == (spot.number % 2 == 0)
            sight = detector.look(url + path, status, update=update)
            where = f"{spot.hostile.name}, {kind}"
            if spot.hostile in HARMLESS:
                known.setdefault(kind, Harmless()).learn(sight)
                troubles += [f"{where}: {each}" for each in sight.troubles]
                continue
            troubles += [f"{where}: {each}" for each in sight.against(known[kind])]
            if kind in ("run", "guard", "probe", "incident") and spot.hostile.part not in words(
                sight.told
            ):
                troubles.append(f"{where}: does not show it")
    assert not troubles, "\n".join(troubles)


def test_no_text_acts_on_pages_that_show_all_of_them(
    ground: Ground, url: str, detector: Detector
) -> None:
    """These pages hold the harmless texts too: what they are made of is held against one another.

    Without numbers and keys, each row is made of the same elements.
    """
    crowds = [f"/runs/{run.id}" for run in ground.crowds]
    troubles: list[str] = []
    for path in (*WHOLE, *crowds, "/status"):
        # The public page has no script that updates it.
        sight = detector.look(url + path, update=path != "/status")
        troubles += [f"{path}: {each}" for each in sight.troubles]
        foreign = [each for each in sight.elements | sight.born if FOREIGN.search(each)]
        troubles += [f"{path}: an element: {each}" for each in foreign]
        if path in ALL_SHOWN:
            told = words(sight.told)
            troubles += [
                f"{path}: does not show {spot.hostile.name}"
                for spot in SPOTS
                if spot.hostile.part not in told
            ]
    assert not troubles, "\n".join(troubles)
