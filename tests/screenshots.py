"""`make screenshots`: a story on the embedded stage, and a picture of every page into `docs/`.

Pictures are for people: nothing is compared with them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import requests
import structlog
from playwright.sync_api import Browser, Page, expect, sync_playwright
from rich.console import Console

from daemon import history
from daemon.app import Daemon
from daemon.demo import GUARD, serve_demo
from probes.chromium import find
from probes.model import Outcome, Run

DOCS = Path(__file__).parent.parent / "docs" / "pages"
PROBE = "widget_representative"
#: Runs of each probe that give its charts something to draw.
RUNS = 12
#: Longest that a line of the story may take.
LINE_MS = 90_000
#: By name: the path, once the story was told. `{...}` is filled in.
PAGES = {
    "guard": "/guards/{guard}",
    "probes": "/probes",
    "probe": "/probes/{probe}?window=1h",
    "runs": "/runs",
    "run": "/runs/{run}",
    "incidents": "/incidents",
    "incident": "/incidents/{incident}",
    "flags": "/flags",
    "flag": "/flags/representative_status_enabled",
    "circuits": "/circuits",
    "drills": "/drills",
    "drill": "/drills/{drill}",
    "audit": "/audit",
    "tokens": "/tokens",
    "settings": "/settings",
    "status": "/status",
    "api": "/api",
}

out = Console()


def main() -> None:
    """Play the story and picture it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    DOCS.mkdir(parents=True, exist_ok=True)
    # The public page is opt in; the demo's file leaves it out.
    os.environ["TRIPFLAG_STATUS_PAGE"] = "true"
    with serve_demo(5, 0, 0, None) as (daemon, stage), sync_playwright() as playwright:
        args = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=find(daemon.config.browser), args=args)
        daemon.start()
        try:
            _story(daemon, stage, browser)
        finally:
            daemon.stop()
            browser.close()


def _story(daemon: Daemon, stage: str, browser: Browser) -> None:
    url = daemon.web.url
    with _page(browser) as page:
        page.goto(url)
        out.print("waiting until every probe has some runs")
        _until(page, lambda: len(_runs(daemon)) >= RUNS)
        phase = page.locator(f"[data-guard={GUARD}] .phase")
        expect(phase).to_contain_text("ARMED")
        _keep(page, "overview-well")
        drill = _drill(daemon)
        _until(page, lambda: _ended(daemon, drill))
        out.print("breaking the widget")
        requests.post(f"{stage}/stage/fault", json={"fault": "api_500", "on": True}, timeout=5)
        expect(phase).to_have_text("■ KILLED", timeout=LINE_MS)
        _keep(page, "overview")
        failed = next(run for run in _runs(daemon) if run.outcome is Outcome.FAILED)
        told = history.incidents(daemon.journal, limit=1)[0]
        for name, path in PAGES.items():
            known = {"guard": GUARD, "probe": PROBE, "run": failed.id}
            page.goto(url + path.format(**known, incident=told.id, drill=drill))
            if name == "api":
                page.locator(".opblock").first.wait_for()
            _keep(page, name)
    with _page(browser, width=360, dark=True) as page:
        page.goto(url)
        expect(page.locator(f"[data-guard={GUARD}] .phase")).to_contain_text("KILLED")
        _keep(page, "overview-narrow-dark", whole=False)
    with _page(browser, dark=True) as page:
        page.goto(f"{url}/guards/{GUARD}")
        _keep(page, "guard-dark")
        body = {"name": "pat", "role": "admin", "by": "pat", "reason": "one token for each of us"}
        requests.post(f"{url}/api/v1/tokens", json=body, timeout=5).raise_for_status()
        page.goto(url)
        _keep(page, "sign-in")


@contextmanager
def _page(browser: Browser, width: int = 1200, *, dark: bool = False) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if dark else "light",
        timezone_id="America/New_York",
        locale="en-US",
    )
    page = context.new_page()
    page.set_default_timeout(20_000)
    yield page
    context.close()


def _until(page: Page, holds: Callable[[], bool]) -> None:
    for _ in range(LINE_MS // 250):
        if holds():
            return
        page.wait_for_timeout(250)
    raise TimeoutError("the story did not go on")


def _runs(daemon: Daemon) -> tuple[Run, ...]:
    return history.runs(daemon.journal, probe=PROBE, limit=100)[0]


def _drill(daemon: Daemon) -> str:
    return daemon.drills.start(GUARD, "pat", "before the release")


def _ended(daemon: Daemon, drill: str) -> bool:
    told = daemon.drills.report(drill)
    return told is not None and told.ending is not None


def _keep(page: Page, name: str, *, whole: bool = True) -> None:
    page.screenshot(path=DOCS / f"{name}.png", full_page=whole, animations="disabled")
    out.print(f"{datetime.now(UTC):%H:%M:%S} {name}", highlight=False)


if __name__ == "__main__":
    main()
