"""What operators type and what strangers write into the flag store: shown, and it never acts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser
from structlog.testing import capture_logs

from daemon.web import WebServer
from tests.hostile.corpus import HARMLESS, LEADING
from tests.hostile.detector import UNSEEN, Detector, Harmless
from tests.hostile.ground import SPOTS, Ground
from tests.hostile.reading import obeyed, words
from tests.hostile.test_pages import FOREIGN
from tests.web.conftest import Room

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def detector(browser: Browser) -> Iterator[Detector]:
    context = browser.new_context(viewport={"width": 360, "height": 800})
    yield Detector(context)
    context.close()


def test_words_of_operators_and_strangers_do_not_act(
    ground: Ground, url: str, detector: Detector
) -> None:
    said = [spot for spot in SPOTS if speak(ground.room.app().test_client(), ground, spot.number)]
    assert len(said) >= len(SPOTS) * 3 // 4
    with capture_logs() as logged:
        for spot in SPOTS:
            ground.write_past_us(spot)
        ground.room.engine.poll_flags()
    assert len(logged) >= len(SPOTS) // 4
    assert [entry for entry in logged if obeyed("".join(map(str, entry.values())))] == []
    assert len(ground.strange_flags) >= len(SPOTS) - 3  # no database takes half a character

    troubles: list[str] = []
    pages = ["/", "/flags", "/audit?limit=500", "/incidents"]
    for spot in said[:: len(said) // 6]:
        own = (f"/guards/{spot.guard}", f"/incidents/{ground.incidents[spot]}")
        pages += [*own, f"/flags/{spot.flag}"]
    pages += [f"/flags/{quote(name, safe='')}" for name in ground.strange_flags[::12]]
    for path in pages:
        # A name that begins with a slash, or holds one beside a line break, has no page; what is
        # answered then must not act either.
        gone = path.startswith("/flags/%2F") or ("%2F" in path and "%0A" in path)
        sight = detector.look(url + path, 404 if gone else 200)
        troubles += [f"{path}: {each}" for each in sight.troubles]
        foreign = [each for each in sight.elements | sight.born if FOREIGN.search(each)]
        troubles += [f"{path}: an element: {each}" for each in foreign]
        if path == "/flags":
            told = words(sight.told)
            named = [spot for spot in SPOTS if spot.hostile.whole[:100] in ground.strange_flags]
            troubles += [
                f"{path}: does not show {spot.hostile.name}"
                for spot in named
                if spot.hostile.part not in told
            ]
    assert not troubles, "\n".join(troubles)


def speak(client: FlaskClient, ground: Ground, number: int) -> bool:
    """Hold the spot's guard, or note on its incident; False where the text is refused whole."""
    spot, text = SPOTS[number], SPOTS[number].hostile.whole
    guard = f"/api/v1/guards/{spot.guard}"
    if number % 2:
        body = {"reason": text[:500], "by": text[:64]}
        etag = client.get(guard).headers["ETag"]
        answer = client.post(f"{guard}/hold", json=body, headers={"If-Match": etag})
    else:
        incident = f"/api/v1/incidents/{ground.incidents[spot]}"
        answer = client.post(f"{incident}/note", json={"text": text[:500], "by": text[:64]})
    if answer.status_code == 200:
        return True
    # Nothing of a person's is bent into shape: it is refused, with the field and the remedy.
    assert answer.status_code == 422, f"{spot.hostile.name}: {answer.json}"
    assert UNSEEN.search(text) or "\n" in text or "\xad" in text, spot.hostile.name
    assert re.search("printable|unicode", str(answer.json)), answer.json
    return False


def test_where_a_visitor_wanted_to_go_is_a_page_of_ours_or_the_overview(
    locked: Room, served: Callable[[Room], WebServer], detector: Detector
) -> None:
    url = served(locked).url.rstrip("/")
    harmless, troubles = Harmless(), []
    for each in (*HARMLESS, *LEADING):
        said = quote(each.whole[:500], safe="", errors="replace")
        sight = detector.look(f"{url}/sign-in?next={said}", update=False)
        if each in HARMLESS:
            harmless.learn(sight)
        troubles += [f"{each.name}: {trouble}" for trouble in sight.against(harmless)]
        to = detector.page.locator("input[name=next]").evaluate(
            "field => new URL(field.value, location.href).origin"
        )
        if to != url:
            troubles.append(f"{each.name}: leads to {to}")
    assert not troubles, "\n".join(troubles)
