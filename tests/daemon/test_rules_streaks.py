"""Rules on so many runs in a row, at limit-1, limit and limit+1; what is not measured is silent."""

from __future__ import annotations

import pytest

from daemon.rules import judge
from daemon.verdict import Finding
from probes.model import Outcome, Run, Violation
from tests.daemon.build import guard, run, slow

STEP = {"rule": "step_duration", "step": "open", "limit_s": 2, "runs": 2}
ACCESSIBILITY = {"rule": "accessibility", "limit": 2, "runs": 2}
CONSOLE = {"rule": "console_errors", "limit": 2, "runs": 2}
PROMQL = {"rule": "promql", "limit": 0.5, "runs": 2}

OBSERVER = "TypeError: Failed to execute 'observe' on 'MutationObserver': parameter 1 is not a Node"


def finding(
    rule: dict[str, object], history: list[Run], **known: frozenset[tuple[str, str]]
) -> Finding:
    (found,) = judge(guard(rule), history[:-1], history[-1], known).findings
    return found


def seen(found: Finding) -> tuple[float, bool]:
    return found.observed, found.breached


def looked(*counts: int | None, impact: str = "serious") -> list[Run]:
    """Runs in which axe found so many elements; None: it did not look."""
    return [
        run(
            Outcome.PASSED,
            n,
            violations=None
            if count is None
            else tuple(Violation("label", impact, f"#field-{each}") for each in range(count)),
        )
        for n, count in enumerate(counts)
    ]


def talking(*errors: tuple[str, ...] | None) -> list[Run]:
    """Runs of a browser that told these errors; None: a run without a browser."""
    return [
        run(
            Outcome.PASSED, n, console_errors=each or (), browser="" if each is None else "Chromium"
        )
        for n, each in enumerate(errors)
    ]


def measured(*values: float | None) -> list[Run]:
    """Runs of a query; None: no data, so the run is an error."""
    return [
        run(Outcome.ERROR if value is None else Outcome.PASSED, n, value=value, exposure=None)
        for n, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("counts", "streak", "breached"),
    [
        ((1, 1), 0, False),
        ((1, 2), 1, False),
        ((2, 2), 2, True),
        ((3, 2, 2), 3, True),
        ((2, 2, 1), 0, False),
        ((2, None, 2), 2, True),
        ((2, 2, None), 2, True),
        ((None, None), 0, False),
        ((2, 0, 2), 1, False),
    ],
)
def test_accessibility_counts_the_elements_of_one_run(
    counts: tuple[int | None, ...], streak: int, breached: bool
) -> None:
    assert seen(finding(ACCESSIBILITY, looked(*counts))) == (streak, breached)


@pytest.mark.parametrize(
    ("asked", "found", "breached"),
    [
        ("minor", "minor", True),
        ("serious", "moderate", False),
        ("serious", "serious", True),
        ("serious", "critical", True),
        ("critical", "serious", False),
        ("minor", "no such impact", False),
        ("minor", "", False),
    ],
)
def test_only_violations_of_this_impact_or_worse_count(
    asked: str, found: str, breached: bool
) -> None:
    rule = {**ACCESSIBILITY, "impact": asked}
    assert finding(rule, looked(2, 2, impact=found)).breached is breached


@pytest.mark.parametrize(
    ("known", "streak"),
    [
        ([], 2),
        ([("label", "#field-0")], 2),
        ([("label", "#field-0"), ("label", "#field-1")], 0),
        ([("label", "#another"), ("contrast", "#field-0")], 2),
    ],
)
def test_a_violation_in_the_baseline_is_not_new(known: list[tuple[str, str]], streak: int) -> None:
    history = looked(3, 3)
    assert finding(ACCESSIBILITY, history, widget=frozenset(known)).observed == streak
    assert finding(ACCESSIBILITY, history, stranger=frozenset(known)).observed == 2
    old_too = {**ACCESSIBILITY, "new_only": False}
    assert finding(old_too, history, widget=frozenset(known)).observed == 2


def test_one_element_told_twice_is_one_violation() -> None:
    twice = run(Outcome.PASSED, violations=(Violation("label", "serious", "#field"),) * 2)
    assert finding({**ACCESSIBILITY, "runs": 1}, [twice]).observed == 0
    assert finding({**ACCESSIBILITY, "runs": 1, "limit": 1}, [twice]).observed == 1


@pytest.mark.parametrize(
    ("errors", "streak", "breached"),
    [
        ((("a",), ("a",)), 0, False),
        ((("a",), ("a", "b")), 1, False),
        ((("a", "b"), ("a", "b")), 2, True),
        ((("a", "b", "c"), ("a", "b"), ("a", "a")), 3, True),
        ((("a", "b"), ("a", "b"), ()), 0, False),
        ((("a", "b"), None, ("a", "b")), 2, True),
        ((None, None), 0, False),
        ((("a", OBSERVER), ("b", "in va-loading-indicator.entry.js")), 0, False),
        ((("a", "b", OBSERVER), ("a", "b", OBSERVER)), 2, True),
    ],
)
def test_console_errors_count_unless_they_are_harmless(
    errors: tuple[tuple[str, ...] | None, ...], streak: int, breached: bool
) -> None:
    assert seen(finding(CONSOLE, talking(*errors))) == (streak, breached)


def test_the_allow_list_is_the_operators_own() -> None:
    history = talking(("new", OBSERVER), ("old: 1", "old: 22"))
    assert finding({**CONSOLE, "allow": []}, history).observed == 2
    assert finding({**CONSOLE, "allow": [r"^old: \d$"]}, history).observed == 0
    assert finding({**CONSOLE, "allow": [r"^never$", "(?i)OBSERVE"]}, history).observed == 1


@pytest.mark.parametrize(
    ("values", "streak", "breached"),
    [
        ((0.49, 0.49), 0, False),
        ((0.49, 0.5), 1, False),
        ((0.5, 0.5), 2, True),
        ((0.51, 0.5, 0.5), 3, True),
        ((0.5, 0.5, 0.49), 0, False),
        ((0.5, None, 0.5), 2, True),
        ((0.5, float("nan"), 0.5), 2, True),
        ((float("inf"), 0.5), 2, True),
    ],
)
def test_a_querys_value_is_over_its_limit_in_so_many_runs_in_a_row(
    values: tuple[float | None, ...], streak: int, breached: bool
) -> None:
    assert seen(finding(PROMQL, measured(*values))) == (streak, breached)


def test_a_limit_below_zero_is_a_limit_too() -> None:
    below = {**PROMQL, "limit": -1.0}
    assert finding(below, measured(-1.1, -1.01)).observed == 0
    assert finding(below, measured(-1.0, 0.0)).breached


def test_a_query_without_data_is_no_finding_and_no_health() -> None:
    nothing, none = measured(None, None)
    verdict = judge(guard(PROMQL), [nothing], none)
    assert verdict.findings == ()
    assert verdict.judgement == "unknown"
    only_nan = finding(PROMQL, measured(float("nan")))
    assert not only_nan.breached
    assert only_nan.text == "widget: the query's value is not measured in any of 1 runs"


@pytest.mark.parametrize(
    ("rule", "history", "words"),
    [
        (
            STEP,
            slow(2.25, 3.5),
            "step 'open' 3.5 s, at or over 2 s in 2 runs in a row, limit 2",
        ),
        (
            ACCESSIBILITY,
            looked(2, 3),
            "new accessibility violations of impact serious or worse: 3, at or over 2 in 2 runs in "
            "a row, limit 2",
        ),
        (
            {**ACCESSIBILITY, "new_only": False, "impact": "critical"},
            looked(2, 3),
            "accessibility violations of impact critical: 0, at or over 2 in 0 runs in a row, "
            "limit 2",
        ),
        (
            CONSOLE,
            talking(("a", "b")),
            "console errors: 2, at or over 2 in 1 runs in a row, limit 2",
        ),
        (
            PROMQL,
            measured(0.5, 0.125),
            "the query's value is 0.125, at or over 0.5 in 0 runs in a row, limit 2",
        ),
        (STEP, slow(None), "step 'open' not measured in any of 1 runs"),
    ],
)
def test_a_streak_shows_the_value_that_was_observed(
    rule: dict[str, object], history: list[Run], words: str
) -> None:
    assert finding(rule, history).text == f"widget: {words}"


def test_a_streak_dates_from_its_first_run() -> None:
    history = measured(0.1, 0.6, 0.7)
    assert finding(PROMQL, history).since == history[1].started_at
    assert finding(PROMQL, history[:1]).since is None
