"""Journeys that say who walked them, what they met, and when; loaded as a user's own folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psutil

from probes.journey import Page, Visit, journey, promise, step
from tests.probes.walks.faults import chromium


@journey("signs")
def signs(page: Page, visit: Visit) -> None:
    """Write a line into `book`: who walks, in which worker and which Chromium; then wait."""
    worker = psutil.Process()
    line = {
        "who": visit.params["who"],
        "worker": worker.pid,
        "chromium": chromium(worker)[0].pid,
    }
    with Path(visit.params["book"]).open("a") as book:
        book.write(json.dumps(line) + "\n")
    page.goto(visit.url("/"))
    with step("wait"):
        page.wait_for_timeout(visit.params.get("wait_s", 0) * 1000)


@journey("meets")
def meets(page: Page, visit: Visit) -> None:
    """Open the page, wait until it has put what it saw into its title, and promise what that is.

    `beside`: two files; the first says that this walk is under way, the second is waited for, so
    that two walks are under way at once.
    """
    mine, other = visit.params.get("beside", (None, None))
    if mine:
        Path(mine).write_text(str(os.getpid()))
        while not Path(other).exists():
            page.wait_for_timeout(20)
    page.goto(visit.url("/"))
    with step("settle"):
        page.wait_for_function("document.title !== ''")
    with step("compare"):
        title, wanted = page.title(), visit.params["see"]
        promise(title == wanted, "the page saw what it should", expected=wanted, seen=title)
    for path, statuses in visit.params.get("statuses", {}).items():
        seen = visit.statuses(path)
        promise(seen == statuses, f"{path} answers", expected=statuses, seen=seen)
