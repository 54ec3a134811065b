"""Pages of probes: how each went, over a window, against its limits."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from daemon import probe_history
from daemon.web import WebServer
from probes.model import Exposure, FailureClass, Outcome, Purpose, Run, Step, Vitals
from tests.web.conftest import BOTH, FLAG, GUARD, VIEWER, Build, Room, ago

PROBE = "widget_signed_out"
PAGE = f"/probes/{PROBE}"
HOSTILE = '<img src=x onerror="document.title=1">'


def page_of(room: Room, path: str = PAGE, status: int = 200) -> str:
    answer = room.app().test_client().get(path)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def walk(room: Room, number: int, **facts: object) -> Run:
    """A run of the journey, `number` minutes ago."""
    steps = (Step("open", Outcome.PASSED, 1.0), Step("see", Outcome.PASSED, 0.5))
    return room.run(
        PROBE,
        **{  # type: ignore[arg-type]
            "started_at": ago(60 * number),
            "vitals": Vitals(lcp_s=1.5, cls=0.02),
            "steps": steps,
            **facts,
        },
    )


def test_every_probe_is_listed_with_what_it_is_and_who_uses_it(room: Room) -> None:
    room.run(PROBE, "failed", reason="the widget is not there")
    html = page_of(room, "/probes")
    for name in room.config.probes:
        assert f'href="/probes/{name}"' in html
    assert "the widget is not there" in html
    assert f'<a href="/guards/{GUARD}">{GUARD}</a> as control' in html
    assert "GET /help/" in html


def test_a_probe_that_never_ran_says_so(room: Room) -> None:
    html = page_of(room)
    assert "Nothing ran in this window." in html
    assert "not run yet" in html
    assert "<svg" not in html


def test_durations_vitals_and_steps_are_drawn_and_written_as_numbers(room: Room) -> None:
    for number in range(5):
        walk(room, number)
    html = page_of(room)
    titles = re.findall(r'<svg[^>]*class="chart[^>]*><title[^>]*>([^<]*)', html)
    assert titles == [
        "Outcomes",
        "Duration of runs that came through",
        "Largest contentful paint",
        "Cumulative layout shift",
        "Duration of each step",
    ]
    assert "good up to 2.5 s" in html
    assert "5 of 5 runs came through" in html
    assert html.count("in numbers</summary>") == len(titles)


def test_failures_of_one_kind_are_one_group_with_their_newest_run(room: Room) -> None:
    for number, seconds in ((3, 30), (2, 8), (1, 9)):
        run = walk(
            room,
            number,
            outcome="failed",
            reason=f"'see' took {seconds} s",
            failure=FailureClass.PROMISE,
        )
    groups = page_of(room).split('id="groups"')[1].split("</ul>")[0]
    assert groups.count("<li>") == 1
    assert "<strong>3 \u00d7</strong>" in groups
    assert "“…” took N s" in groups
    assert "the page broke a promise of the journey" in groups
    assert f'href="/runs/{run.id}"' in groups


def test_exposure_is_told_in_words(room: Room) -> None:
    walk(room, 2, exposure=Exposure(FLAG, True, rendered=True))
    walk(room, 1, exposure=Exposure(FLAG, None, rendered=None))
    html = page_of(room)
    assert "told on, flagged thing shown" in html
    assert "no toggle answer was seen, flagged thing not looked for" in html


@pytest.mark.parametrize(("window", "runs"), [("1h", 1), ("6h", 2), ("24h", 3), ("7d", 4)])
def test_a_window_shows_what_lies_in_it(room: Room, window: str, runs: int) -> None:
    for minutes in (5, 120, 600, 5000):
        walk(room, minutes)
    html = page_of(room, f"{PAGE}?window={window}")
    assert f"{runs} of {runs} runs came through" in html
    assert f'href="?window={window}" aria-current="true"' in html


@pytest.mark.parametrize("window", ["", "2h", "1H", "9" * 500, "%00"])
def test_a_window_that_is_none_of_them_is_refused_with_the_remedy(room: Room, window: str) -> None:
    assert "window: must be one of 1h, 6h, 24h, 7d" in page_of(room, f"{PAGE}?window={window}", 422)


def test_an_unknown_probe_is_a_page_that_names_the_known_ones(room: Room) -> None:
    html = page_of(room, "/probes/nobody", 404)
    assert PROBE in html


def test_what_a_drill_planted_is_no_news_of_the_probe(room: Room) -> None:
    walk(room, 1, outcome="failed", reason="planted", purpose=Purpose.DRILL)
    html = page_of(room)
    assert "planted" not in html
    assert "Nothing ran in this window." in html


def test_a_page_says_when_it_shows_a_part_only(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_history, "MAX_RUNS", 5)
    for number in range(12):
        walk(room, number)
    assert "12 runs are stored of this window:" in page_of(room)


def test_no_text_of_a_target_becomes_markup_and_no_style_is_inline(room: Room) -> None:
    walk(room, 1, outcome="failed", reason=HOSTILE, steps=(Step(HOSTILE, Outcome.FAILED, 1.0),))
    for path in (PAGE, "/probes", "/runs"):
        html = page_of(room, path)
        assert "<img src=x" not in html
        assert " style=" not in html
        assert "<style" not in html
        assert "<script>" not in html
    assert "&lt;img src=x" in page_of(room)


def test_acts_are_for_those_who_may(build: Build) -> None:
    room = build(web={"tokens": BOTH})
    client = room.app().test_client()
    html = client.get(PAGE, headers={"Authorization": f"Bearer {VIEWER}"}).get_data(as_text=True)
    assert PROBE in html
    assert "/acts/" not in html
    operator = {"Authorization": f"Bearer {BOTH['operator']}"}
    html = client.get(PAGE, headers=operator).get_data(as_text=True)
    for act in ("run", "pause", "baseline"):
        assert f'action="/acts/probes/{PROBE}/{act}"' in html


@pytest.mark.browser
def test_a_phone_shows_the_whole_page_without_scrolling_sideways(
    room: Room, served: Callable[[Room], WebServer], browser: Browser
) -> None:
    for number in range(59):
        walk(room, number, outcome="failed" if number % 9 == 0 else "passed", reason="y" * 300)
    context = browser.new_context(viewport={"width": 360, "height": 800})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(f"{served(room).url.rstrip('/')}{PAGE}?window=1h", wait_until="domcontentloaded")
    page.locator("svg.chart").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    # A line without its colour would be the browser's own black.
    colours = page.eval_on_selector_all(
        ".chart .series.median path", "all => all.map(one => getComputedStyle(one).stroke)"
    )
    assert colours
    assert not {"none", "rgb(0, 0, 0)"} & set(colours)
    assert complaints == []
    context.close()
