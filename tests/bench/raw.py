"""The same visit as `representative_status` signed out, in plain Playwright and nothing else."""

import os
import re
from multiprocessing.connection import Connection

from playwright.sync_api import Browser, expect, sync_playwright

from config.schema import BrowserSpec
from probes.chromium import find, launch_args, sandboxed

MOUNT = '[data-widget-type="representative-status"]'


def visit(browser: Browser, url: str) -> None:
    """Walk the healthy signed-out page once, in a fresh context."""
    context = browser.new_context(locale="en-US", timezone_id="America/New_York")
    context.add_cookies([{"name": "FLIPPER_ID", "value": "probe-11", "url": url}])
    page = context.new_page()
    with page.expect_response(lambda response: "/v0/feature_toggles" in response.url) as toggles:
        answer = page.goto(url, wait_until="domcontentloaded")
        assert answer is not None
        assert answer.status == 200
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    mount = page.locator(MOUNT).first
    assert page.locator(MOUNT).count() > 0
    assert toggles.value.json()["data"]["features"]
    heading = mount.get_by_role("heading", name=re.compile("^Sign in with a verified account"))
    nobody = mount.get_by_role("heading", name=re.compile("^You don.t have an accredited"))
    error = mount.get_by_role("heading", name=re.compile("^We can.t check if you have"))
    expect(heading.or_(nobody).or_(error).first).to_be_visible()
    assert heading.is_visible()
    expect(mount.get_by_role("button", name=re.compile("^Sign in or create"))).to_be_visible()
    expect(mount.get_by_role("progressbar")).to_have_count(0)
    context.close()


def serve(pipe: Connection, url: str) -> None:
    """Visit as often as the pipe says, until it says 0."""
    spec = BrowserSpec()
    args = launch_args(spec, is_root=os.geteuid() == 0)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find(spec), args=list(args), chromium_sandbox=sandboxed(args)
        )
        pipe.send("ready")
        while times := pipe.recv():
            for _ in range(times):
                visit(browser, url)
            pipe.send("done")
        browser.close()
