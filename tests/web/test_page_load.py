"""What a page load costs the daemon: pages and the stream, once a browser has our files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask, request, request_started
from playwright.sync_api import expect

from daemon.web import WebServer, assets
from tests.web.conftest import GUARD, Look, Room

Serve = Callable[[Room], WebServer]
PAGES = ("/", f"/guards/{GUARD}")


@pytest.mark.browser
def test_pages_after_the_first_ask_for_none_of_our_files_again(
    room: Room, served: Serve, look: Look
) -> None:
    url = served(room).url.rstrip("/")
    asked: list[str] = []

    def note(_app: Flask, **_: object) -> None:
        asked.append(request.path)

    def open_page(path: str) -> set[str]:
        asked.clear()
        look.page.goto(url + path)
        expect(look.page.locator("#link")).to_have_text("live")
        # A page looks at itself once more when its stream is open.
        return set(asked) - {*PAGES, "/api/v1/events"}

    with request_started.connected_to(note):
        first = open_page(PAGES[1])
        assert any(each.startswith("/static/") for each in first)
        assert [open_page(path) for path in PAGES] == [set(), set()]


def test_our_files_are_kept_for_good_and_others_are_not_found(room: Room) -> None:
    client = room.app().test_client()
    kept = client.get(f"{assets.static_path()}/live.js", buffered=True)
    assert kept.status_code == 200
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for gone in ("/static/live.js", f"{assets.static_path()}/no-such.js"):
        answer = client.get(gone)
        assert answer.status_code == 404
        assert answer.headers["Cache-Control"] == "no-store"


def test_another_content_or_name_has_another_path(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("one")
    first = assets.static_path(tmp_path)
    assert assets.static_path(tmp_path) == first
    (tmp_path / "a.js").write_text("two")
    second = assets.static_path(tmp_path)
    (tmp_path / "a.js").rename(tmp_path / "b.js")
    assert len({first, second, assets.static_path(tmp_path)}) == 3
