"""Journeys that fail after they entered what the page must not remember, or too late."""

from __future__ import annotations

from probes.journey import Page, Visit, expect, journey, promise, step


@journey("enters_and_fails")
def enters_and_fails(page: Page, visit: Visit) -> None:
    """Fill the fields that `fill` names, wait until the page is done, and look for what is not."""
    with step("open"):
        page.goto(visit.url(visit.params.get("path", "/")))
    with step("enter"):
        for label, value in visit.params.get("fill", {}).items():
            page.get_by_label(label).fill(value)
        page.wait_for_function("window.done !== false")
    with step(f"look {visit.params.get('say', '')}"):
        expect(page.locator("h1"), visit.params.get("say")).to_have_text("Gone", timeout=100)


@journey("overstays")
def overstays(page: Page, visit: Visit) -> None:
    """Break a promise only when the run's time is over."""
    page.goto(visit.url("/"))
    page.wait_for_timeout(visit.params["wait_s"] * 1000)
    promise(False, "it came in time")
