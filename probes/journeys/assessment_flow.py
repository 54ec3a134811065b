"""A multi-step assessment: landing to result. What it looks for comes from the configuration.

Each action is one of: `see` (a heading), `text` (visible words), `click` (a button or link),
`check` (a checkbox), `fill` or `choose` (a labelled field, with `with`). Actions of the same
`step` are timed together.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Literal

from pydantic import Field, model_validator

from probes.journey import Locator, Page, Params, Visit, appears, journey, promise, step


class Action(Params):
    """One thing that a user does or sees."""

    step: str
    see: str | None = None
    text: str | None = None
    click: str | None = None
    check: str | None = None
    fill: str | None = None
    choose: str | None = None
    value: str = Field("", alias="with")

    @model_validator(mode="after")
    def _one(self) -> Action:
        verbs = (self.see, self.text, self.click, self.check, self.fill, self.choose)
        if sum(verb is not None for verb in verbs) != 1:
            raise ValueError("name exactly one of: see, text, click, check, fill, choose")
        return self


class Assessment(Params):
    """The flow, its fallback, and how long one screen may take to come."""

    flag: str = "assessment_fallback_enabled"
    path: str = "/assessment/"
    expect: Literal["flow", "fallback"] = "flow"
    steps: tuple[Action, ...] = ()
    alert: str = "Something went wrong"
    fallback_see: str = "Use the paper assessment"
    fallback_link: str = "Download the paper form"
    settle_s: float = 5

    @model_validator(mode="after")
    def _has_steps(self) -> Assessment:
        if self.expect == "flow" and not self.steps:
            raise ValueError("a flow needs steps")
        return self


@journey("assessment_flow", params=Assessment)
def assessment_flow(page: Page, visit: Visit) -> None:
    """Complete the assessment as a user would, or see its fallback."""
    params: Assessment = visit.params
    with step("open the page"):
        answer = page.goto(visit.url(params.path), wait_until="domcontentloaded")
        status = answer.status if answer is not None else None
        promise(status == 200, "the page answers", expected=200, seen=status)
    with step("toggles arrive"):
        toggles = visit.toggles(params.settle_s)
        exposure = visit.expose(params.flag)
    if params.expect == "fallback":
        _fallback(page, visit, params)
        return
    if toggles.error:
        visit.skip(toggles.error)
    if exposure.value is not False:
        visit.skip(exposure.reason or f"{params.flag} is on: users meet the fallback")
    for name, actions in groupby(params.steps, key=lambda action: action.step):
        with step(name):
            for action in actions:
                _act(page, visit, params, action)
    visit.expose(params.flag, rendered=True)


def _act(page: Page, visit: Visit, params: Assessment, action: Action) -> None:
    settle_ms = params.settle_s * 1000
    if action.see is not None:
        # Whichever comes first: the screen, or the alert in its place, which needs no waiting out.
        wanted = page.get_by_role("heading", name=action.see)
        alert = page.get_by_role("alert")
        comes = f"screen {action.see!r} comes"
        appears(wanted.or_(alert).first, comes, params.settle_s, lambda: _headings(page))
        hard = bool(visit.server_errors())
        promise(wanted.is_visible(), comes, seen=alert.all_text_contents, hard=hard)
    elif action.text is not None:
        shown = page.get_by_role("main").get_by_text(action.text, exact=False).first
        appears(shown, f"{action.text!r} is shown", params.settle_s, lambda: _headings(page))
    elif action.click is not None:
        button = page.get_by_role("button", name=action.click)
        button.or_(page.get_by_role("link", name=action.click)).click(timeout=settle_ms)
    elif action.check is not None:
        page.get_by_role("checkbox", name=action.check).check(timeout=settle_ms)
    elif action.fill is not None:
        page.get_by_label(action.fill).fill(action.value, timeout=settle_ms)
    elif action.choose is not None:
        page.get_by_label(action.choose).select_option(action.value, timeout=settle_ms)


def _fallback(page: Page, visit: Visit, params: Assessment) -> None:
    with step("fallback is shown"):
        told = visit.expose(params.flag)
        promise(
            told.value is True,
            f"the page is told that {params.flag} is on",
            expected=True,
            seen=told.reason or told.value,
        )
        heading = page.get_by_role("heading", name=params.fallback_see)
        appears(heading.or_(_flow(page, params)).first, "a screen comes", params.settle_s)
        visit.expose(params.flag, rendered=_flow(page, params).is_visible())
        fallback = heading.is_visible()
        promise(
            fallback,
            "it is the fallback",
            expected=params.fallback_see,
            seen=lambda: _headings(page),
        )
        link = page.get_by_role("link", name=params.fallback_link)
        appears(link, f"link {params.fallback_link!r} is there", params.settle_s)


def _flow(page: Page, params: Assessment) -> Locator:
    """Return any screen of the flow that the fallback should have replaced."""
    names = "|".join(re.escape(action.see) for action in params.steps if action.see is not None)
    return page.get_by_role("heading", name=re.compile(names or "(?!)")).first


def _headings(page: Page) -> list[str]:
    return page.get_by_role("heading").all_text_contents()
