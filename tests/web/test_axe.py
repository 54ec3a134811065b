"""Every page, for everybody: axe, narrow screens, the dark, no complaints, nothing from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request

from daemon.web import WebServer
from probes.browser.audit import audit
from tests.web.conftest import FLAG, GUARD, Room, ago

pytestmark = pytest.mark.browser

Serve = Callable[[Room], WebServer]

#: Every page that an operator can come to, and pages of refusals. `{incident}`: an open one's id.
PATHS = (
    "/",
    f"/guards/{GUARD}",
    f"/guards/{GUARD}?at=nonsense",
    "/guards/nobody",
    "/circuits",
    "/drills",
    "/probes",
    "/probes/widget_signed_out",
    "/runs",
    "/runs/run-0001",
    "/incidents",
    "/incidents/{incident}",
    "/flags",
    f"/flags/{FLAG}",
    "/audit",
    "/settings",
    "/tokens",
    "/sign-in",
)
WIDTHS = (360, 1280)


@pytest.fixture
def killed(room: Room, served: Serve) -> str:
    """A room in which something happened; its address."""
    for second in range(60, 0, -10):
        room.run(started_at=ago(second))
    room.run(outcome="error", reason="no browser")
    room.break_widget("the mount node shows an error alert " + "y" * 300)
    room.prove()
    room.problems["store"] = "cannot read '*'"
    return served(room).url.rstrip("/")


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(color_scheme=request.param)
    yield context.new_page()
    context.close()


def test_no_page_keeps_anybody_out(room: Room, killed: str, page: Page) -> None:
    incident = room.engine.state(GUARD).incident
    assert incident is not None
    troubles: list[str] = []
    path = ""
    page.on("pageerror", lambda error: troubles.append(f"{path}: {error}"))
    page.on("console", lambda line: _heard(troubles, path, line.type, line.text))
    page.on("request", lambda sent: _left(troubles, path, killed, sent))
    for each in PATHS:
        path = each.format(incident=incident.id)
        for width in WIDTHS:
            # Loaded anew for each: axe looks once at a page.
            page.set_viewport_size({"width": width, "height": 800})
            answer = page.goto(killed + path)
            if answer is None or answer.status >= 500:
                troubles.append(f"{path}: answered {answer and answer.status}")
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                troubles.append(f"{path}: {wide} px wide at {width} px")
            troubles += [f"{path} at {width}: {says}" for says in violations(page)]
    assert not troubles, "\n".join(troubles)


def test_open_forms_keep_nobody_out_either(killed: str, page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"{killed}/guards/{GUARD}")
    for number in range(page.locator("article details.act").count()):
        page.goto(f"{killed}/guards/{GUARD}")
        page.locator("article details.act > summary").nth(number).click()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 360


def violations(page: Page) -> list[str]:
    """What axe finds, in words."""
    found = audit(page, time.monotonic() + 20)
    if found is None:
        return ["axe could not look"]
    return [f"{each.rule}: {each.target}: {each.help}" for each in found]


def _heard(troubles: list[str], path: str, kind: str, text: str) -> None:
    # A page of a refusal is answered with its status, which a browser tells as an error.
    if kind == "error" and "Failed to load resource" not in text:
        troubles.append(f"{path}: {text}")


def _left(troubles: list[str], path: str, ours: str, sent: Request) -> None:
    if urlsplit(sent.url).netloc != urlsplit(ours).netloc:
        troubles.append(f"{path}: asked {sent.url}")
