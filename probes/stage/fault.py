"""What can be broken on the stage, in words."""

from __future__ import annotations

from enum import StrEnum


class Area(StrEnum):
    """What a fault breaks."""

    WIDGET = "widget"
    SITE = "site"
    ASSESSMENT = "assessment"


class Fault(StrEnum):
    """One way to break the stage."""

    API_500 = "api_500"
    API_401 = "api_401"
    API_403 = "api_403"
    API_422 = "api_422"
    API_SLOW = "api_slow"
    API_GARBAGE = "api_garbage"
    API_HANG = "api_hang"
    API_WRONG_PERSON = "api_wrong_person"
    API_RESET = "api_reset"
    API_FLAKY = "api_flaky"
    API_COIN = "api_coin"
    SCRIPT_404 = "script_404"
    SCRIPT_THROWS = "script_throws"
    DRAW_THROWS = "draw_throws"
    DRAW_SLOW = "draw_slow"
    DRAW_SHIFTS = "draw_shifts"
    DRAW_UNNAMED_IMAGE = "draw_unnamed_image"
    DRAW_LOGS_ERROR = "draw_logs_error"
    WIDGET_WRONG_CONTENT = "widget_wrong_content"
    WIDGET_UNGATED = "widget_ungated"
    PAGE_BLANK = "page_blank"
    PAGE_WRONG_CONTENT = "page_wrong_content"
    TOGGLES_500 = "toggles_500"
    TOGGLES_GARBAGE = "toggles_garbage"
    TOGGLES_MISSING_FLAG = "toggles_missing_flag"
    TOGGLES_SLOW = "toggles_slow"
    TOGGLES_STALE = "toggles_stale"
    SITE_500 = "site_500"
    SITE_502 = "site_502"
    SITE_HANG = "site_hang"
    SITE_RESET = "site_reset"
    ASSESSMENT_API_500 = "assessment_api_500"
    ASSESSMENT_STEP_STUCK = "assessment_step_stuck"
    ASSESSMENT_LOSES_DATA = "assessment_loses_data"
    ASSESSMENT_FALLBACK_BROKEN = "assessment_fallback_broken"

    @property
    def area(self) -> Area:
        """What this fault breaks."""
        return FACTS[self][0]

    @property
    def description(self) -> str:
        """What a user meets while this fault is on."""
        return FACTS[self][1]

    @property
    def is_slow(self) -> bool:
        """True where a delay can be chosen."""
        return self in (Fault.API_SLOW, Fault.TOGGLES_SLOW)


FACTS: dict[Fault, tuple[Area, str]] = {
    Fault.API_500: (Area.WIDGET, "The widget's API answers 500: signed-in users see an error."),
    Fault.API_401: (Area.WIDGET, "The widget's API takes nobody's session any more: 401."),
    Fault.API_403: (Area.WIDGET, "The widget's API forbids everybody: 403."),
    Fault.API_422: (Area.WIDGET, "The widget's API answers 422: shown as no representative."),
    Fault.API_SLOW: (Area.WIDGET, "The widget's API answers late."),
    Fault.API_GARBAGE: (Area.WIDGET, "The widget's API answers 200 with a web page, not JSON."),
    Fault.API_HANG: (Area.WIDGET, "The widget's API never answers: loading without end."),
    Fault.API_WRONG_PERSON: (Area.WIDGET, "The widget's API answers with somebody else's data."),
    Fault.API_RESET: (Area.WIDGET, "The widget's API resets the connection in place of an answer."),
    Fault.API_FLAKY: (Area.WIDGET, "The widget's API answers 500 to 3 requests of 100."),
    Fault.API_COIN: (
        Area.WIDGET,
        "The widget's API answers 500 to half of all requests.",
    ),
    Fault.SCRIPT_404: (
        Area.WIDGET,
        "The widget's script is missing: the page's own spinner stays, whatever the flag says.",
    ),
    Fault.SCRIPT_THROWS: (
        Area.WIDGET,
        "The widget's code throws when it mounts: the spinner stays, whatever the flag says.",
    ),
    Fault.DRAW_THROWS: (
        Area.WIDGET,
        "The widget's code throws when it draws: the spinner stays while the flag is on.",
    ),
    Fault.DRAW_SLOW: (Area.WIDGET, "The widget keeps the page busy for two seconds."),
    Fault.DRAW_SHIFTS: (Area.WIDGET, "The widget pushes the page down after people began to read."),
    Fault.DRAW_UNNAMED_IMAGE: (Area.WIDGET, "The widget shows an image that has no name."),
    Fault.DRAW_LOGS_ERROR: (Area.WIDGET, "The widget works, but logs an error."),
    Fault.WIDGET_WRONG_CONTENT: (Area.WIDGET, "The widget's headings all read “undefined”."),
    Fault.WIDGET_UNGATED: (Area.WIDGET, "The widget is shown whatever the flag says."),
    Fault.PAGE_BLANK: (Area.SITE, "Every page is a 200 with nothing in it."),
    Fault.PAGE_WRONG_CONTENT: (Area.SITE, "Every page is a 200 that announces maintenance."),
    Fault.TOGGLES_500: (Area.SITE, "The toggle service answers 500: every flag looks off."),
    Fault.TOGGLES_GARBAGE: (Area.SITE, "The toggle service answers 200 with a web page."),
    Fault.TOGGLES_MISSING_FLAG: (Area.SITE, "The toggle list lacks the widget's flag."),
    Fault.TOGGLES_SLOW: (Area.SITE, "The toggle service answers late."),
    Fault.TOGGLES_STALE: (
        Area.SITE,
        "The toggle service answers each browser what it answered before, whatever is written.",
    ),
    Fault.SITE_500: (Area.SITE, "Every page, API and asset answers 500."),
    Fault.SITE_502: (Area.SITE, "A build is going out: every page, API and asset answers 502."),
    Fault.SITE_HANG: (Area.SITE, "No page, API or asset ever answers."),
    Fault.SITE_RESET: (Area.SITE, "Every page, API and asset resets the connection."),
    Fault.ASSESSMENT_API_500: (Area.ASSESSMENT, "The assessment's API answers 500."),
    Fault.ASSESSMENT_STEP_STUCK: (
        Area.ASSESSMENT,
        "The button “Review answers” does nothing.",
    ),
    Fault.ASSESSMENT_LOSES_DATA: (
        Area.ASSESSMENT,
        "The API says that it saved and submitted, but the answers are gone.",
    ),
    Fault.ASSESSMENT_FALLBACK_BROKEN: (
        Area.ASSESSMENT,
        "The page shown while the fallback is on has no form to download.",
    ),
}

# The share of requests that a fault by chance hits. 97 % is the real endpoint's rate of success.
SHARES = {Fault.API_FLAKY: 0.03, Fault.API_COIN: 0.5}
