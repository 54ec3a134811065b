"""A real stage on a free port, and a real browser to look at it: one of each per module."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, Request, Response, sync_playwright

from probes.stage.app import create_app, faults_of
from probes.stage.faults import Fault, FaultPanel
from probes.stage.server import serve

FLAGS = {"representative_status_enabled": True, "assessment_fallback_enabled": False}
WIDGET_PAGE = "/get-help-from-accredited-representative/"
POA = "/representation_management/v0/power_of_attorney"
MOUNT = '[data-widget-type="representative-status"]'


@dataclass
class Stage:
    """The stage under test; `flags` is its whole flag store."""

    url: str
    faults: FaultPanel
    flags: dict[str, bool] = field(default_factory=lambda: dict(FLAGS))
    actors: list[str | None] = field(default_factory=list)
    store_is_down: bool = False

    def read_flags(self, actor: str | None) -> dict[str, bool]:
        if self.store_is_down:
            raise ConnectionError("no flag store")
        self.actors.append(actor)
        return dict(self.flags)

    def reset(self) -> None:
        self.faults.mend()
        self.flags = dict(FLAGS)
        self.actors.clear()
        self.store_is_down = False

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=10, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        return requests.post(self.url + path, timeout=10, **more)


@dataclass
class Visitor:
    """One fresh browser context, and what it sent and received."""

    page: Page
    stage: Stage
    sent: list[Request] = field(default_factory=list)
    received: list[Response] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def sign_in(self, user: str) -> None:
        self.page.context.add_cookies(
            [{"name": "stage_user", "value": user, "url": self.stage.url}]
        )

    def open(self, path: str = WIDGET_PAGE) -> Page:
        self.page.goto(self.stage.url + path)
        return self.page

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.sent if path in request.url]

    def answers(self, path: str) -> list[Response]:
        return [response for response in self.received if path in response.url]

    def wait_for_toggles(self) -> None:
        self.page.wait_for_load_state("networkidle")
        assert len(self.asked("/v0/feature_toggles")) == 1


@pytest.fixture(scope="module")
def running_stage() -> Iterator[Stage]:
    holder: list[Stage] = []
    app = create_app(lambda actor: holder[0].read_flags(actor))
    server = serve(app, "127.0.0.1", 0)
    holder.append(Stage(server.url, faults_of(app)))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield holder[0]
    server.close()
    thread.join(timeout=10)
    assert not thread.is_alive()


@pytest.fixture
def stage(running_stage: Stage) -> Stage:
    running_stage.reset()
    return running_stage


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = (
        os.environ.get("TRIPFLAG_BROWSER")
        or shutil.which("chromium-headless-shell")
        or shutil.which("chromium")
    )
    args = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=args)
        yield launched
        launched.close()


@pytest.fixture
def visitor(browser: Browser, stage: Stage) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(8000)
    seen = Visitor(page, stage)
    page.on("request", lambda request: seen.sent.append(request))
    page.on("response", lambda response: seen.received.append(response))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    yield seen
    # First the faults, so that no request still hangs while the context closes.
    stage.faults.mend()
    context.close()


def broken(stage: Stage, fault: Fault) -> None:
    """Break the stage the way everybody does: through its API."""
    answer = stage.post("/stage/fault", json={"fault": fault, "on": True})
    assert answer.status_code == 200
