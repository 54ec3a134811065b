"""Charts: safe in a page, true to scale, and readable without the picture."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from config.schema import Config
from daemon.probe_figures import Bucket, StepFigures, Window
from daemon.web.charts import Chart, Limit, Line, outcome_strip, over_time, step_bars, waterfall
from daemon.web.charts.chart import ticks, time_ticks
from daemon.web.charts.limits import limits_of, rules_of, said
from daemon.web.wording import seconds
from probes.model import Outcome, Step
from tests.web.conftest import GUARD, config_for

NOW = datetime(2026, 3, 4, 12, 34, tzinfo=UTC)
DAY = Window.named("24h", NOW)
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>\u202e'


def drawn(chart: Chart | None) -> Element:
    assert chart is not None
    return ElementTree.fromstring(chart.svg)  # noqa: S314 - our own markup


def texts(root: Element) -> list[str]:
    return [node.text or "" for node in root.iter() if node.tag.endswith("text")]


def lines(
    values: tuple[float | None, ...], *limits: Limit, title: str = "Duration"
) -> Chart | None:
    times = [NOW + timedelta(minutes=n) for n in range(len(values))]
    until = NOW + timedelta(minutes=len(values))
    return over_time("c", title, times, until, [Line("p95", "p95", values)], limits, seconds)


def every_chart(word: str) -> list[Chart | None]:
    step = Step(word, Outcome.FAILED, 1.0, word)
    limit = Limit(f"step {word}", 1.0, word, "rule")
    return [
        lines((1.0, 2.0), Limit("duration", 2.0, word, "rule"), title=word),
        step_bars("c", word, [StepFigures(word, 2, 1, 1.0, 2.0)], [limit]),
        waterfall("c", word, [step], 2.0),
        outcome_strip("c", word, [Bucket(NOW, {Outcome.FAILED: 1})], NOW + timedelta(hours=1)),
    ]


@pytest.mark.parametrize("place", range(4))
def test_nothing_in_a_chart_can_run_load_link_or_style(place: int) -> None:
    root = drawn(every_chart(HOSTILE)[place])
    tags = {node.tag for node in root.iter()}
    assert tags <= {"svg", "g", "path", "rect", "circle", "line", "text", "title", "desc"}
    names = {name for node in root.iter() for name in node.attrib}
    assert not [name for name in names if name.startswith("on") or name in ("style", "href", "src")]
    assert HOSTILE[:20] in "".join(root.itertext())
    assert "\u202e" not in "".join(root.itertext())


@pytest.mark.parametrize("place", range(4))
def test_a_screen_reader_reads_a_chart_as_one_named_picture(place: int) -> None:
    chart = every_chart("see the widget")[place]
    assert chart is not None
    root = drawn(chart)
    assert root.get("role") == "img"
    named = (root.get("aria-labelledby") or "").split()
    found = {node.get("id"): node.text for node in root if node.get("id")}
    assert [bool(found[each]) for each in named] == [True, True]
    assert chart.table.rows
    assert all(len(row) == len(chart.table.head) for row in chart.table.rows)


def test_a_limit_is_a_line_at_its_own_height_with_its_name() -> None:
    root = drawn(lines((1.0, 4.0, 2.0), Limit("duration", 2.0, "guard", "rule")))
    series = {
        node.get("class"): node.find("path")
        for node in root.iter("g")
        if "series" in node.get("class", "") and node.find("path") is not None
    }
    heights = {name: _heights(path) for name, path in series.items()}
    assert heights["series limit rule"] == [heights["series p95"][2]] * 2
    assert heights["series p95"][1] < heights["series p95"][2] < heights["series p95"][0]
    assert "guard 2.0 s" in texts(root)


def _heights(path: Element | None) -> list[float]:
    assert path is not None
    return [float(pair.split()[1]) for pair in re.findall(r"[\d.]+ [\d.]+", path.get("d", ""))]


def test_labels_of_limits_that_are_close_do_not_lie_upon_each_other() -> None:
    near = [Limit("duration", 2.0 + n / 100, f"limit {n}", "rule") for n in range(4)]
    root = drawn(lines((1.0, 3.0), *near))
    places = sorted(
        float(node.get("y", 0)) for node in root.iter("text") if "of-limit" in node.get("class", "")
    )
    assert len(places) == 4
    assert min(b - a for a, b in itertools.pairwise(places)) >= 16.9


def test_a_limit_far_above_is_said_and_does_not_press_the_lines_flat() -> None:
    chart = lines((1.0, 1.1), Limit("duration", 30.0, "guard", "rule"))
    assert chart is not None
    assert chart.notes == ("guard 30 s: far above what is drawn",)
    assert "30 s" not in texts(drawn(chart))


def test_a_bucket_without_a_run_is_a_gap_and_no_zero() -> None:
    root = drawn(lines((1.0, 2.0, None, 2.0, 1.0)))
    paths = [
        path
        for node in root.iter("g")
        if node.get("class") == "series p95"
        for path in node.findall("path")
    ]
    assert len(paths) == 2


@pytest.mark.parametrize("values", [(), (None,), (None, None)])
def test_nothing_measured_is_no_chart(values: tuple[float | None, ...]) -> None:
    assert lines(values) is None


@pytest.mark.parametrize(
    "values",
    [(0.0,), (0.0, 0.0), (1e-9, None), (-3.0, 2.0), (-3.0, -2.0), (-1.0, None), (1e12, 1.0)],
)
def test_odd_values_are_drawn(values: tuple[float | None, ...]) -> None:
    assert "Duration" in "".join(drawn(lines(values)).itertext())


def test_a_limit_below_zero_is_drawn_where_all_values_are() -> None:
    root = drawn(lines((-1.0, -4.0, -2.0), Limit("duration", -2.0, "guard", "rule")))
    heights = {
        node.get("class"): _heights(node.find("path"))
        for node in root.iter("g")
        if "series" in node.get("class", "") and node.find("path") is not None
    }
    assert heights["series limit rule"] == [heights["series p95"][2]] * 2


def test_a_step_begins_where_the_one_before_it_ended() -> None:
    steps = [
        Step(name, Outcome.PASSED, took) for name, took in (("a", 1.0), ("b", 2.0), ("c", 1.0))
    ]
    bars = list(drawn(waterfall("w", "Steps", steps, 4.0)).iter("rect"))
    where = [(float(bar.get("x", -1)), float(bar.get("width", -1))) for bar in bars]
    assert where[0][0] == 0
    for (x, wide), (following, _) in itertools.pairwise(where):
        assert following == pytest.approx(x + wide, abs=0.2)
    assert where[1][1] == pytest.approx(2 * where[0][1], abs=0.2)


def test_a_single_failure_among_hundreds_of_runs_is_seen() -> None:
    bucket = Bucket(NOW, {Outcome.PASSED: 999, Outcome.FAILED: 1})
    root = drawn(outcome_strip("o", "Outcomes", [bucket], NOW + timedelta(hours=1)))
    tall = {node.get("class"): float(node.get("height", 0)) for node in root.iter("rect")}
    assert tall["cell failed"] >= 4
    assert sum(tall.values()) == pytest.approx(32, abs=0.2)


def test_a_steps_limit_is_drawn_across_its_own_bars() -> None:
    steps = [StepFigures("open", 9, 9, 1.0, 2.0), StepFigures("see", 9, 9, 1.0, 2.0)]
    chart = step_bars("s", "Steps", steps, [Limit("step see", 2.0, "guard", "rule")])
    assert chart is not None
    (line,) = list(drawn(chart).iter("line"))
    ends = [
        float(bar.get("x", 0)) + float(bar.get("width", 0))
        for node in drawn(chart).iter("g")
        if node.get("class") == "series p95"
        for bar in node.iter("rect")
    ]
    assert float(line.get("x1", 0)) == pytest.approx(max(ends), abs=0.2)
    assert ("see", "1.0 s", "2.0 s", "2.0 s (guard)", "9 of 9") in chart.table.rows


@pytest.mark.parametrize(
    ("top", "marks"),
    [
        (1.0, (0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (0.3, (0, 0.1, 0.2, 0.3)),
        (7.0, (0, 2, 4, 6, 8)),
        (5.0, (0, 1, 2, 3, 4, 5)),
    ],
)
def test_an_axis_has_few_round_marks_and_reaches_the_top(
    top: float, marks: tuple[float, ...]
) -> None:
    assert ticks(top) == marks


def test_times_are_marked_at_round_hours_in_utc_and_midnight_bears_its_date() -> None:
    labels = [label for _, label in time_ticks(DAY.since, DAY.until)]
    assert labels == ["16:00", "20:00", "Mar 4", "04:00", "08:00", "12:00"]


def test_limits_are_those_of_the_rules_that_judge_the_probe() -> None:
    config = config_for_rules()
    found = {(each.of, each.value, each.tone) for each in limits_of(config, config.probes["page"])}
    assert ("duration", 9.0, "rule") not in found
    watched = limits_of(config, config.probes["widget_signed_out"])
    of = {(each.of, each.value, each.label) for each in watched if each.tone in ("rule", "soft")}
    assert of == {
        ("duration", 9.0, f"{GUARD}: p95"),
        ("step see", 3.0, GUARD),
        ("lcp_s", 2.0, GUARD),
        ("duration", 5.0, "soft limit"),
    }
    words = [said(rule) for _, rule in rules_of(config, "widget_signed_out")]
    assert words[0] == "p95 of a run 9 s or more in 10 min, of 10 or more"
    assert [said(rule) for _, rule in rules_of(config, "widget_representative")] == words[:1]


def config_for_rules() -> Config:
    raw = config_for(Path("somewhere")).model_dump(mode="python")
    raw["probes"]["widget_signed_out"]["soft_limits"] = {"duration_s": 5}
    raw["guards"][GUARD]["rules"] = [
        {"rule": "latency_quantile", "limit_s": 9, "window_s": 600},
        {"rule": "step_duration", "step": "see", "limit_s": 3, "probes": ["widget_signed_out"]},
        {"rule": "vital", "vital": "lcp_s", "limit": 2, "probes": ["widget_signed_out"]},
    ]
    return Config.model_validate(raw)
