"""Journeys that go wrong, each in one way; loaded as a user's own folder."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from threading import Timer

import psutil

from probes.journey import Page, Visit, expect, journey, promise, step


@journey("opens")
def opens(page: Page, visit: Visit) -> None:
    """Open each of `paths` and, where `see` is given, wait for that heading."""
    for path in visit.params.get("paths", ["/"]):
        with step(f"open {path}"):
            page.goto(visit.url(path))
    if "wait_for" in visit.params:
        with step("wait"):
            page.wait_for_function(visit.params["wait_for"])
    if "see" in visit.params:
        with step("see"):
            expect(page.get_by_role("heading", name=visit.params["see"])).to_be_visible(timeout=400)


@journey("watches_a_flag")
def watches_a_flag(page: Page, visit: Visit) -> None:
    with step("open"):
        page.goto(visit.url("/"))
    with step("toggles"):
        told = visit.toggles(visit.params.get("within_s", 1))
        visit.expose(visit.params["flag"])
        if told.error:
            visit.skip(told.error)


@journey("clicks")
def clicks(page: Page, visit: Visit) -> None:
    page.goto(visit.url("/"))
    with step("click"):
        page.get_by_role("button").click()


@journey("asks_by_bad_selector")
def asks_by_bad_selector(page: Page, visit: Visit) -> None:
    page.goto(visit.url("/"))
    with step("look"):
        page.locator("h1 >>> !!").click()


@journey("misses_a_key")
def misses_a_key(page: Page, visit: Visit) -> None:
    page.goto(visit.url("/"))
    with step("count"):
        {}["absent"]


@journey("fails_below")
def fails_below(page: Page, visit: Visit) -> None:
    json.loads("{")  # raises three frames further down, in the standard library


@journey("breaks_a_promise")
def breaks_a_promise(page: Page, visit: Visit) -> None:
    page.goto(visit.url("/"))
    with step("promise"):
        promise(False, "the sum is right", expected=4, seen=5)


@journey("asserts_plainly")
def asserts_plainly(page: Page, visit: Visit) -> None:
    page.goto(visit.url("/"))
    assert page.title() == "another title", "the title is right"


@journey("crashes_the_renderer")
def crashes_the_renderer(page: Page, visit: Visit) -> None:
    page.goto("chrome://crash")


@journey("kills_renderers")
def kills_renderers(page: Page, visit: Visit) -> None:
    page.goto(visit.url("/"))
    for process in chromium(psutil.Process()):
        if "--type=renderer" in process.cmdline():
            process.kill()
    with step("click"):
        page.get_by_role("button").click()


@journey("kills_the_browser")
def kills_the_browser(page: Page, visit: Visit) -> None:
    page.goto(visit.url("/"))
    chromium(psutil.Process())[0].kill()
    with step("click"):
        page.get_by_role("button").click()


@journey("kills_the_driver")
def kills_the_driver(page: Page, visit: Visit) -> None:
    page.goto(visit.url("/"))
    driver(psutil.Process()).kill()
    with step("click"):
        page.get_by_role("button").click()


@journey("loses_the_browser_while_it_waits")
def loses_the_browser_while_it_waits(page: Page, visit: Visit) -> None:
    """Lose what `loses` names under an assertion, which must not read as a broken promise."""
    page.goto(visit.url("/"))
    browser = chromium(psutil.Process())
    if visit.params["loses"] == "renderer":
        doomed = [each for each in browser if "--type=renderer" in each.cmdline()]
    else:
        doomed = [driver(psutil.Process()) if visit.params["loses"] == "driver" else browser[0]]
    Timer(0.3, lambda: [each.kill() for each in doomed]).start()
    with step("wait"):
        expect(page.get_by_role("heading", name="Never")).to_be_visible()


@journey("freezes_the_browser")
def freezes_the_browser(page: Page, visit: Visit) -> None:
    _say_pid(visit)
    for process in chromium(psutil.Process()):
        process.suspend()
    page.goto("about:blank")


@journey("hangs_in_the_page")
def hangs_in_the_page(page: Page, visit: Visit) -> None:
    _say_pid(visit)
    page.evaluate("while (true) {}")


@journey("waits")
def waits(page: Page, visit: Visit) -> None:
    """Say that it is there by a file with the worker's pid in it, then wait."""
    _say_pid(visit)
    page.wait_for_timeout(visit.params["wait_s"] * 1000)


@journey("waits_for_a_file")
def waits_for_a_file(page: Page, visit: Visit) -> None:
    """Make a file, and go on when it is gone."""
    with step("wait"):
        here = Path(visit.params["here"])
        here.touch()
        while here.exists():
            page.wait_for_timeout(20)


@journey("prints_garbage")
def prints_garbage(page: Page, visit: Visit) -> None:
    for descriptor in (1, 2):
        os.write(descriptor, b'\x00\xff{"id": 1}\n' * 50)


@journey("exits")
def exits(page: Page, visit: Visit) -> None:
    sys.exit(visit.params.get("code", 0))


@journey("vanishes")
def vanishes(page: Page, visit: Visit) -> None:
    os._exit(visit.params["code"])


class Strange(BaseException):
    """No Exception, and not importable in the parent process."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


@journey("raises_strangely")
def raises_strangely(page: Page, visit: Visit) -> None:
    raise Strange("a", "b")


def driver(worker: psutil.Process) -> psutil.Process:
    """Playwright's node process below a worker."""
    return next(child for child in worker.children() if "run-driver" in child.cmdline())


def chromium(worker: psutil.Process) -> list[psutil.Process]:
    """Chromium's processes below a worker, its main process first.

    Debian's command is a shell script, which waits for the real one.
    """
    words = {each: _words(each) for each in driver(worker).children(recursive=True)}
    return sorted(
        (each for each, said in words.items() if said and said[0] != "/bin/sh"),
        key=lambda each: any(word.startswith("--type=") for word in words[each]),
    )


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # gone, or a zombie, in this moment
        return []


def _say_pid(visit: Visit) -> None:
    if "here" in visit.params:
        here = Path(visit.params["here"])
        here.with_suffix(".new").write_text(str(os.getpid()))
        here.with_suffix(".new").replace(here)


@journey("accepts")
def accepts(page: Page, visit: Visit) -> None:
    """Say yes to whatever the page asks, and promise that it heard so."""
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(visit.url("/"))
    promise(page.title() == "yes", "the page is told yes", seen=page.title())
