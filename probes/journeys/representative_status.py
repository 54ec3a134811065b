"""VA.gov's Representative Status Widget, in each state that its users meet.

Written against the widget's facts, not against one implementation: roles and accessible names in
the mount node, because the healthy signed-out widget keeps all its text in shadow roots. Both
generations pass: v2 words two headings differently, and ignores the flag on the landing page.
"""

from __future__ import annotations

import re
from typing import Literal

from probes.journey import Locator, Page, Params, Visit, appears, expect, journey, promise, step

MOUNT = '[data-widget-type="representative-status"]'
API_PATH = "/representation_management/v0/power_of_attorney"

SIGNED_OUT = re.compile(r"^Sign in with a verified account")
SIGN_IN = re.compile(r"^Sign in or create an account")
CURRENT = re.compile(
    r"^Your current (accredited representative|Veteran Service Organization \(VSO\))$"
)
NONE = re.compile(r"^You don.t have an accredited representative$")
ERROR = re.compile(r"^We can.t check if you have an accredited representative")
#: Both generations link here from every signed-in state.
LEARN = re.compile(r"accredited-representative-faqs")


class Widget(Params):
    """What to expect, and how long the widget may take to settle."""

    flag: str = "representative_status_enabled"
    path: str = "/get-help-from-accredited-representative/"
    expect: Literal["signed_out", "representative", "organization", "no_representative", "flag_off"]
    name: str = ""
    settle_s: float = 5
    #: Answers with which the API tells a user "not for you": no fault of the widget's. 422 is also
    #: drawn as "no representative", so a true one must come with a 200.
    business_statuses: tuple[int, ...] = (401, 403, 422)


@journey("representative_status", params=Widget)
def representative_status(page: Page, visit: Visit) -> None:
    """Walk the landing page as one kind of user."""
    params: Widget = visit.params
    with step("open the page"):
        answer = page.goto(visit.url(params.path), wait_until="domcontentloaded")
        status = answer.status if answer is not None else None
        promise(status == 200, "the page answers", expected=200, seen=status)
        appears(page.get_by_role("heading", level=1), "the page has its heading", params.settle_s)
        # Present with the flag off too; a maintenance page in the place of this one has none.
        mounts = page.locator(MOUNT).count()
        promise(mounts > 0, "the page has a place for the widget", seen=lambda: _headings(page))
    with step("toggles arrive"):
        toggles = visit.toggles(params.settle_s)
        exposure = visit.expose(params.flag)
    if params.expect == "flag_off":
        _gone(page, visit, params)
        return
    if toggles.error:
        visit.skip(toggles.error)
    if not exposure.value:
        visit.skip(exposure.reason or f"{params.flag} is off for this browser")
    mount = page.locator(MOUNT).first
    if params.expect == "signed_out":
        _signed_out(mount, visit, params)
    else:
        _signed_in(mount, visit, params)
    with step("nothing is left loading"):
        expect(mount.get_by_role("progressbar")).to_have_count(0)


def _signed_out(mount: Locator, visit: Visit, params: Widget) -> None:
    with step("widget settles"):
        heading = _heading(mount, SIGNED_OUT)
        _settle(mount, visit, params, heading)
        promise(heading.is_visible(), "the widget asks to sign in", seen=lambda: _headings(mount))
        expect(mount.get_by_role("button", name=SIGN_IN)).to_be_visible()
        visit.expose(params.flag, rendered=True)


def _signed_in(mount: Locator, visit: Visit, params: Widget) -> None:
    with step("widget settles"):
        heading = _heading(mount, CURRENT)
        _settle(mount, visit, params, heading)
        answered = visit.statuses(API_PATH)
        # Before the alert and the heading are judged: a business answer is drawn as either.
        if answered and answered[-1] in params.business_statuses:
            reason = f"business answer: the widget's API says {answered[-1]} to this user"
            visit.skip(reason, business=True)
        visit.expose(params.flag, rendered=True)
        alert = _heading(mount, ERROR).is_visible()
        # An alert without a 5xx can be one lost packet; with it, the service itself said so.
        last = _last(answered)
        hard = last is not None and last >= 500
        promise(not alert, "the widget shows no error alert", seen=f"API {last}", hard=hard)
    if params.expect == "no_representative":
        with step("no representative"):
            none = _heading(mount, NONE).is_visible()
            promise(none, "the widget says there is none", seen=lambda: _headings(mount))
            # An answer that was wrongly empty looks the same: only a 200 makes it true.
            promise(_last(answered) == 200, "its API answers", expected=200, seen=_last(answered))
    else:
        with step("the right representative"):
            promise(
                heading.is_visible(), "the widget names whom one has", seen=lambda: _headings(mount)
            )
            name = mount.get_by_role("heading", level=4).first.text_content() or ""
            own = name.strip() == params.name
            # Whose name it is instead goes into no log: it is a real person's.
            seen = "somebody else's name" if name.strip() else ""
            promise(own, "it is the user's own", expected=params.name, seen=seen, hard=bool(seen))
    with step("the way on"):
        links = mount.get_by_role("link").and_(mount.locator(f'[href*="{LEARN.pattern}"]'))
        expect(links.first).to_be_visible()


def _gone(page: Page, visit: Visit, params: Widget) -> None:
    """What users must meet with the flag off: no widget, no call of its API, a whole page."""
    with step("widget is gone"):
        # First what needs no waiting: told "on", the page will show it.
        told = visit.expose(params.flag)
        promise(
            told.value is False,
            f"the page is told that {params.flag} is off",
            expected=False,
            seen=told.reason or told.value,
        )
        mount = page.locator(MOUNT).first
        try:
            inside = mount.locator(":scope > *")
            expect(inside).to_have_count(0, timeout=params.settle_s * 1000)
        except AssertionError:
            visit.expose(params.flag, rendered=True)
            promise(False, "the widget is not shown", seen=_headings(mount) or "its spinner")
        visit.expose(params.flag, rendered=False)
    with step("page is whole"):
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_role("link")).not_to_have_count(0)
        called = visit.statuses(API_PATH)
        promise(not called, "the widget's API is left alone", expected=[], seen=called)


def _settle(mount: Locator, visit: Visit, params: Widget, wanted: Locator) -> None:
    """Wait until the widget shows something final: what is wanted, no representative, or error.

    A widget that is told "on" and shows nothing final is missing, unless something that it may wait
    for is still on its way: then it is only slow.
    """
    final = wanted.or_(_heading(mount, NONE)).or_(_heading(mount, ERROR)).first
    appears(
        final,
        "the widget settles",
        params.settle_s,
        seen=lambda: f"{_headings(mount)}, API {visit.statuses(API_PATH)}",
        hard=lambda: not visit.loading(),
    )


def _heading(mount: Locator, name: re.Pattern[str]) -> Locator:
    return mount.get_by_role("heading", name=name)


def _headings(within: Locator | Page) -> list[str]:
    return within.get_by_role("heading").all_text_contents()


def _last(statuses: list[int | None]) -> int | None:
    return statuses[-1] if statuses else None
