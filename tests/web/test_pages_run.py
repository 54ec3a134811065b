"""Pages of runs: a list that can be narrowed, and one run whole."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from probes.model import (
    Exposure,
    FailedRequest,
    FailureClass,
    Outcome,
    Purpose,
    Run,
    Step,
    ToggleResponse,
    Violation,
    Vitals,
)
from tests.web.conftest import FLAG, Room, ago
from tests.web.test_evidence import PNG

PROBE = "widget_signed_out"
HOSTILE = "<script>document.title=1</script>"


def page_of(room: Room, path: str, status: int = 200) -> str:
    answer = room.app().test_client().get(path)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def listed(html: str) -> list[str]:
    table = html.split('<table class="wide" id="runs">')
    return re.findall(r'<a href="/runs/(run-\d+)">', table[1]) if len(table) > 1 else []


def rich(room: Room, text: str = "the widget is not there") -> Run:
    """A run with everything on it, all of its texts the target's."""
    name = f"run-{room.started + 1:04}"
    return room.run(
        PROBE,
        "failed",
        reason=text,
        hard=True,
        failure=FailureClass.PROMISE,
        steps=(Step("open", Outcome.PASSED, 1.0), Step(text, Outcome.FAILED, 3.0, text)),
        exposure=Exposure(FLAG, True, rendered=False, reason=text, seen_at=ago(1)),
        vitals=Vitals(lcp_s=3.0, cls=0.5, ttfb_s=0.1, tbt_s=0.2),
        console_errors=(text,) * 60,
        failed_requests=(FailedRequest("GET", f"javascript:{text}", 503, text),),
        toggles=ToggleResponse(200, {FLAG: True}, text),
        violations=(Violation("image-alt", "critical", text, text),),
        browser="Chromium 140",
        artifacts=(
            room.keep(name, "screenshot", "screenshot.png", PNG),
            room.keep(name, "trace", "trace.zip", b"PK"),
        ),
    )


def test_runs_are_listed_newest_first_and_page_by_page(room: Room) -> None:
    for number in range(5):
        room.run(PROBE, started_at=ago(100 - number))
    first = page_of(room, "/runs?limit=2")
    assert listed(first) == ["run-0005", "run-0004"]
    older = re.search(r'href="(/runs\?[^"]*cursor=[^"]*)" rel="next"', first)
    assert older is not None
    second = page_of(room, older[1].replace("&amp;", "&"))
    assert listed(second) == ["run-0003", "run-0002"]
    assert 'href="/runs?limit=2">Newest</a>' in second


def test_filters_narrow_the_list_and_stay_in_the_form(room: Room) -> None:
    room.run(PROBE, started_at=ago(7200))
    room.run(PROBE, "failed", started_at=ago(60))
    room.run("page", "failed", purpose=Purpose.MANUAL, started_at=ago(30))
    since = f"{ago(3600):%Y-%m-%dT%H:%M:%S}"
    asked = {
        "probe=page": ["run-0003"],
        "outcome=failed": ["run-0003", "run-0002"],
        "purpose=manual": ["run-0003"],
        "location=local&outcome=passed": ["run-0001"],
        "location=mars": [],
        f"since={since}": ["run-0003", "run-0002"],
        f"until={since}": ["run-0001"],
        f"since={since}Z&probe={PROBE}&outcome=": ["run-0002"],
    }
    assert {query: listed(page_of(room, f"/runs?{query}")) for query in asked} == asked
    html = page_of(room, f"/runs?outcome=failed&since={since}Z")
    assert '<option value="failed" selected>' in html
    assert f'name="since" value="{since}"' in html


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("outcome=broken", "outcome: "),
        ("since=yesterday", "since: is no time"),
        ("since=2026-01-31", "since: has no zone"),
        ("cursor=nonsense", "cursor: must be `next`"),
        ("limit=9999", "limit: "),
        ("colour=red", "colour: "),
        ("until=0001-01-01T00:00:00%2B14:00", ""),
    ],
)
def test_a_filter_that_means_nothing_is_said_beside_the_form(
    room: Room, query: str, says: str
) -> None:
    room.run(PROBE)
    html = page_of(room, f"/runs?{query}", 422 if says else 200)
    assert says in html.replace("&#39;", "'")
    assert listed(html) == []
    assert '<form class="filters"' in html


def test_a_run_is_shown_whole(room: Room) -> None:
    run = rich(room)
    html = page_of(room, f"/runs/{run.id}")
    for says in (
        "the widget is not there",
        "the page broke a promise of the journey; little doubt about it",
        "on schedule",
        "told on, flagged thing not shown",
        "answered 200, with 1 flags",
        "needs work",
        "poor",
        "Chromium 140",
        "image-alt",
        "10 more are not shown",
        "playwright show-trace FILE",
        f'action="/acts/probes/{PROBE}/run"',
    ):
        assert says in html
    assert f'src="/api/v1/runs/{run.id}/artifacts/screenshot"' in html
    assert f'href="/api/v1/runs/{run.id}/artifacts/trace" download' in html


def test_the_steps_are_a_picture_and_a_list(room: Room) -> None:
    html = page_of(room, f"/runs/{rich(room).id}")
    bars = re.findall(r'<rect x="([\d.]+)"[^>]*class="cell (\w+)"', html)
    assert [outcome for _, outcome in bars] == ["passed", "failed"]
    assert float(bars[0][0]) == 0
    assert float(bars[1][0]) > 0


def test_the_runs_beside_it_are_a_click_away(room: Room) -> None:
    for number in (30, 20, 10):
        room.run(PROBE, started_at=ago(number), pair="p" if number == 20 else "")
    room.run("widget_control", purpose=Purpose.CONTROL, started_at=ago(18), pair="p")
    html = page_of(room, "/runs/run-0002")
    assert 'href="/runs/run-0001" rel="prev"' in html
    assert 'href="/runs/run-0003" rel="next"' in html
    assert re.search(r'href="/runs/run-0004">Walked together[^<]*\(the control\)', html)


def test_a_run_of_a_probe_that_is_gone_is_still_shown(room: Room) -> None:
    run = replace(room.run(PROBE), id="run-old", probe="removed_long_ago")
    with room.journal.turn() as turn:
        turn.add_run(run)
    html = page_of(room, f"/runs/{run.id}")
    assert "(no longer configured)" in html
    assert "/acts/" not in html.split("</header>")[1].split("<footer>")[0]


def test_evidence_that_was_pruned_is_no_broken_picture(room: Room) -> None:
    run = rich(room)
    for artifact in run.artifacts:
        (room.config.journal.artifacts_folder / artifact.path).unlink()
    html = page_of(room, f"/runs/{run.id}")
    assert "The evidence is gone" in html
    assert "<img" not in html


def test_an_unknown_run_is_a_page_with_the_remedy(room: Room) -> None:
    assert "journal.runs_keep_days" in page_of(room, "/runs/nobody", 404)


@pytest.mark.parametrize("path", ["/runs", "/runs/run-0001"])
def test_no_text_of_a_target_becomes_markup_or_an_address(room: Room, path: str) -> None:
    rich(room, HOSTILE)
    html = page_of(room, path)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert 'href="javascript:' not in html
    assert " style=" not in html


def test_megabytes_of_a_target_are_cut(room: Room) -> None:
    run = rich(room, "y" * 1_000_000)
    assert len(page_of(room, f"/runs/{run.id}")) < 120_000
