"""What two of the demo's probes do, in plain Playwright and nothing else: no evidence is kept."""

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


def assess(browser: Browser, url: str) -> None:
    """Walk the healthy assessment once, in a fresh context."""
    context = browser.new_context(locale="en-US", timezone_id="America/New_York")
    context.add_cookies([{"name": "FLIPPER_ID", "value": "probe-11", "url": url}])
    page = context.new_page()
    alert = page.get_by_role("alert")

    def see(name: str) -> None:
        wanted = page.get_by_role("heading", name=name)
        expect(wanted.or_(alert).first).to_be_visible()
        assert wanted.is_visible()

    def click(name: str) -> None:
        button = page.get_by_role("button", name=name)
        button.or_(page.get_by_role("link", name=name)).click()

    def text(words: str) -> None:
        expect(page.get_by_role("main").get_by_text(words, exact=False).first).to_be_visible()

    with page.expect_response(lambda response: "/v0/feature_toggles" in response.url) as toggles:
        answer = page.goto(url, wait_until="domcontentloaded")
        assert answer is not None
        assert answer.status == 200
    assert toggles.value.json()["data"]["features"]
    see("Health needs assessment")
    click("Start the assessment")
    see("Before you start")
    page.get_by_role("checkbox", name="I have read the privacy notice").check()
    click("Continue")
    see("Your questions")
    page.get_by_label("How old are you?").fill("42")
    page.get_by_label("How would you rate your health?").select_option("Fair")
    page.get_by_label("What should we know?").fill("Walked by a probe")
    click("Review answers")
    see("Check your answers")
    text("Walked by a probe")
    click("Go to submit")
    see("Submit your assessment")
    click("Submit")
    see("Your assessment is complete")
    text("Reference number ASM-")
    text("Walked by a probe")
    context.close()


def serve(pipe: Connection, base_url: str) -> None:
    """Walk the named page as often as the pipe says, until it says nothing."""
    walks = {
        "widget_signed_out": (visit, f"{base_url}/get-help-from-accredited-representative/"),
        "assessment": (assess, f"{base_url}/assessment/"),
    }
    spec = BrowserSpec()
    args = launch_args(spec, is_root=os.geteuid() == 0)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find(spec), args=list(args), chromium_sandbox=sandboxed(args)
        )
        pipe.send("ready")
        while order := pipe.recv():
            name, times = order
            walk, url = walks[name]
            for _ in range(times):
                walk(browser, url)
            pipe.send("done")
        browser.close()
