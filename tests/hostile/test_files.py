"""Evidence that is not what it says: a browser is sent it as what it can do no harm as."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Error

from daemon.web import WebServer
from tests.hostile.corpus import MARK
from tests.web.conftest import Room

pytestmark = pytest.mark.browser

SCRIPT = f"<script>window.{MARK} = 1; alert(1)</script>"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="window.{MARK} = 1; alert(1)">{SCRIPT}</svg>'
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("screenshot.html", SCRIPT.encode()),
        ("screenshot.svg", SVG.encode()),
        ("screenshot.png", SCRIPT.encode()),
        ("screenshot.jpg", SVG.encode()),
        ("screenshot.png.html", PNG + SCRIPT.encode()),
    ],
)
def test_a_screenshot_that_is_none_is_a_download(
    room: Room, served: Callable[[Room], WebServer], browser: Browser, name: str, content: bytes
) -> None:
    run = room.run(artifacts=(room.keep("shot", "screenshot", name, content),))
    url = served(room).url.rstrip("/")
    page = browser.new_page()
    seen: list[str] = []
    page.on("dialog", lambda dialog: seen.append(dialog.message))
    with page.expect_download() as download, pytest.raises(Error, match=r"Download|ERR_ABORTED"):
        page.goto(f"{url}/api/v1/runs/{run.id}/artifacts/screenshot")
    assert not download.value.suggested_filename.endswith((".html.png", "/"))
    page.goto(f"{url}/runs/{run.id}")
    assert page.locator("img").count() == 0
    assert page.get_by_role("link", name="Download screenshot").count() == 1
    assert page.evaluate(f"window.{MARK}") is None
    assert seen == []
    page.context.close()


def test_markup_behind_a_pictures_first_bytes_is_shown_as_a_broken_picture(
    room: Room, served: Callable[[Room], WebServer], browser: Browser
) -> None:
    shot = room.keep("shot", "screenshot", "screenshot.png", PNG + SCRIPT.encode())
    run = room.run(artifacts=(shot,))
    url = served(room).url.rstrip("/")
    page = browser.new_page()
    answer = page.goto(f"{url}/api/v1/runs/{run.id}/artifacts/screenshot")
    assert answer is not None
    assert answer.headers["content-type"] == "image/png"
    assert page.locator("script").count() == 0
    assert page.evaluate(f"window.{MARK}") is None
    page.context.close()
