"""Journeys that look for what is not there; loaded as a user's own folder."""

from __future__ import annotations

from probes.journey import Page, Visit, appears, expect, journey, step


@journey("looks_in_vain")
def looks_in_vain(page: Page, visit: Visit) -> None:
    """State one thing that the page does not hold, in the way that `how` names."""
    page.goto(visit.url("/"))
    heading = page.get_by_role("heading", name="Gone")
    with step("look"):
        match visit.params["how"]:
            case "visible":
                expect(heading).to_be_visible(timeout=100)
            case "text":
                expect(page.locator("p")).to_have_text("calm words", timeout=100)
            case "count":
                expect(page.locator("p")).to_have_count(3, timeout=100)
            case "click":
                heading.click(timeout=100)
            case "appears":
                seen = page.locator("p").all_text_contents
                hard = visit.params.get("hard", False)
                appears(heading, "the heading comes", 0.1, seen, lambda: hard)


@journey("leaves_a_loop")
def leaves_a_loop(page: Page, visit: Visit) -> None:
    """End well, and leave a page whose thread never comes free again."""
    page.goto(visit.url("/"))
    page.evaluate("setTimeout(() => { while (true) {} }, 0)")
