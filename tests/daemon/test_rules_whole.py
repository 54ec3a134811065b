"""All rules at once: who is silent, which rule is for whom, and what changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.rules import judge, lookback
from daemon.verdict import Judgement
from probes.model import Outcome, Run, Step, Violation, Vitals
from tests.daemon.build import at, guard, run, runs

CONSECUTIVE = {"rule": "consecutive_failures", "limit": 2}
PROMQL = {"rule": "promql", "limit": 0.5, "runs": 2}
ALL: dict[str, dict[str, Any]] = {
    rule["rule"]: {"severity": place % 4 + 1, **rule}
    for place, rule in enumerate(
        [
            CONSECUTIVE,
            {"rule": "failure_ratio", "limit": 0.5, "window_s": 60, "min_runs": 2},
            {"rule": "latency_quantile", "limit_s": 0.5, "window_s": 60, "min_runs": 2},
            {"rule": "step_duration", "step": "open", "limit_s": 2, "runs": 2},
            {"rule": "vital", "vital": "lcp_s", "limit": 2, "runs": 2},
            {"rule": "completion_rate", "limit": 0.5, "window_s": 60, "min_runs": 2},
            {"rule": "drop_off", "step": "open", "limit": 0.5, "window_s": 60, "min_runs": 2},
            {"rule": "accessibility", "runs": 2},
            {"rule": "console_errors", "runs": 2},
            PROMQL,
        ]
    )
}


def bad(outcome: Outcome, at_s: float, **more: Any) -> Run:
    """A run that breaches every rule that its outcome allows."""
    more.setdefault("steps", (Step("open", outcome, 3),))
    return run(
        outcome,
        at_s,
        vitals=Vitals(lcp_s=3),
        console_errors=("boom",),
        violations=(Violation("label", "serious", "#field"),),
        **more,
    )


def query(value: float, at_s: float, **more: Any) -> Run:
    return run(Outcome.PASSED, at_s, probe="query", value=value, exposure=None, **more)


# --- silence --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_s", "heard"), [(59, True), (60, True), (60.001, False), (600, False)]
)
def test_a_silent_location_gives_no_finding(age_s: float, heard: bool) -> None:
    spec = guard(CONSECUTIVE, silent_after_s=60)
    away = [run(Outcome.FAILED, n, location="west") for n in range(2)]
    verdict = judge(spec, away, run(Outcome.PASSED, 1 + age_s, location="east"))
    assert {f.location for f in verdict.findings} == ({"east", "west"} if heard else {"east"})
    assert verdict.judgement is (Judgement.UNHEALTHY if heard else Judgement.HEALTHY)


def test_a_location_that_only_sends_errors_is_silent() -> None:
    spec = guard(CONSECUTIVE, silent_after_s=60)
    away = [run(Outcome.FAILED, n, location="west") for n in range(2)]
    away += [run(Outcome.ERROR, 10 * n, location="west") for n in range(1, 10)]
    verdict = judge(spec, away, run(Outcome.PASSED, 90, location="east"))
    assert {f.location for f in verdict.findings} == {"east"}


def test_a_location_that_comes_back_is_judged_by_what_it_said_before() -> None:
    spec = guard(CONSECUTIVE, silent_after_s=60)
    verdict = judge(spec, [run(Outcome.FAILED, 0)], run(Outcome.FAILED, 1000))
    assert [finding.observed for finding in verdict.breached] == [2]


# --- whose rule it is -----------------------------------------------------------------------


def test_a_number_is_judged_by_the_rule_on_numbers_and_a_walk_by_the_others() -> None:
    spec = guard(*ALL.values(), probes=["widget", "query"])
    verdict = judge(spec, [query(0.5, 0), query(0.5, 1)], bad(Outcome.DEGRADED, 2))
    rules = {probe: [f.rule for f in verdict.findings if f.probe == probe] for probe in spec.probes}
    assert rules["query"] == ["promql"]
    assert rules["widget"] == [rule for rule in ALL if rule != "promql"]


SURE = {**PROMQL, "attributable": True}


@pytest.mark.parametrize(
    ("rules", "values", "attributable"),
    [
        ([SURE], (0.5, 0.5), True),
        ([SURE], (0.5, 0.4), False),
        ([SURE], (0.4, 0.5), False),
        ([PROMQL], (0.5, 0.5), False),
        ([PROMQL, {**SURE, "limit": 0.1}], (0.2, 0.2), True),
        ([SURE, {**PROMQL, "limit": 0.1}], (0.2, 0.2), False),
    ],
)
def test_a_run_is_attributable_where_its_own_query_says_so(
    rules: list[dict[str, Any]], values: tuple[float, float], attributable: bool
) -> None:
    spec = guard(*rules, CONSECUTIVE, probes=["widget", "query"])
    first, second = (query(value, n) for n, value in enumerate(values))
    assert judge(spec, [first], second).attributable is attributable
    elsewhere = query(1, 2, location="west")
    assert not judge(spec, [first, second], elsewhere).attributable
    assert not judge(spec, [first, second], run(Outcome.FAILED, 2)).attributable


def test_a_query_that_got_no_answer_is_never_attributable() -> None:
    spec = guard({**PROMQL, "attributable": True}, probes=["query"])
    away = replace(query(0.5, 2), outcome=Outcome.ERROR, value=None)
    verdict = judge(spec, [query(0.5, 0), query(0.5, 1)], away)
    assert verdict.judgement is Judgement.UNKNOWN
    assert not verdict.attributable


def test_a_query_says_nothing_about_exposure() -> None:
    assert judge(guard(PROMQL, probes=["query"]), [], query(1, 0)).exposed is None


# --- what the verdict carries ---------------------------------------------------------------


@pytest.mark.parametrize("hard", [True, False])
def test_a_verdict_says_where_its_run_was_and_how_hard_it_failed(hard: bool) -> None:
    verdict = judge(guard(), [], run(location="west", hard=hard))
    assert (verdict.run_location, verdict.run_hard) == ("west", hard)


@pytest.mark.parametrize("outcome", [Outcome.DEGRADED, Outcome.FAILED])
def test_every_rule_is_breached_by_what_it_is_for(outcome: Outcome) -> None:
    history = [bad(outcome, n) for n in range(2)]
    spec = guard(*ALL.values(), probes=["widget", "query"])
    verdict = judge(spec, [*history, query(0.5, 2)], query(0.5, 3))
    breached = {f.rule for f in verdict.breached}
    on_failures = {"consecutive_failures", "failure_ratio", "completion_rate", "drop_off"}
    if outcome is Outcome.FAILED:
        assert breached == ALL.keys() - {"latency_quantile"}
    else:
        assert breached == ALL.keys() - on_failures
    assert all(f.by_finished_runs is (f.rule not in on_failures) for f in verdict.findings)
    assert all(f.severity == ALL[f.rule]["severity"] for f in verdict.findings)
    assert [f.severity for f in verdict.breached] == sorted(f.severity for f in verdict.breached)


@pytest.mark.parametrize("rule", ALL.values(), ids=ALL)
def test_the_lookback_covers_every_rule(rule: dict[str, Any]) -> None:
    windowed = "window_s" in rule
    key = "min_runs" if windowed else "limit" if rule["rule"] == "consecutive_failures" else "runs"
    assert lookback(guard({**rule, key: 500})) >= 500
    assert lookback(guard(rule)) >= (120 if windowed else 2)


# --- what changes nothing -------------------------------------------------------------------

MOMENTS = st.integers(0, 100)
JUDGED = st.builds(
    lambda outcome, at_s, worst, location: (
        bad(outcome, at_s, location=location) if worst else run(outcome, at_s, location=location)
    ),
    st.sampled_from([Outcome.PASSED, Outcome.DEGRADED, Outcome.FAILED]),
    MOMENTS,
    st.booleans(),
    st.sampled_from(["east", "west"]),
)
QUERIED = st.builds(query, st.floats(-1, 2), MOMENTS)
UNJUDGED = st.builds(
    lambda outcome, at_s, probe, location: bad(outcome, at_s, probe=probe, location=location),
    st.sampled_from([Outcome.ERROR, Outcome.SKIPPED]),
    MOMENTS,
    st.sampled_from(["widget", "query"]),
    st.sampled_from(["east", "west", "north"]),
)


@given(
    st.lists(JUDGED | QUERIED, min_size=1, max_size=12),
    st.lists(UNJUDGED, min_size=1, max_size=4),
)
def test_a_run_that_could_not_judge_changes_no_finding(
    history: list[Run], others: list[Run]
) -> None:
    spec = guard(*ALL.values(), probes=["widget", "query"], silent_after_s=30)
    latest = history[-1]
    before = judge(spec, history, latest).findings
    assert judge(spec, [*others, *history], latest).findings == before
    # As the newest of all it is UNKNOWN, and the rules find what they found.
    unjudged = replace(others[0], started_at=latest.started_at)
    verdict = judge(spec, history, unjudged)
    assert verdict.findings == before
    assert verdict.judgement is Judgement.UNKNOWN


@given(st.lists(JUDGED | QUERIED, min_size=1, max_size=12), st.randoms())
def test_the_order_of_arrival_changes_no_finding(history: list[Run], random: Any) -> None:
    spec = guard(*ALL.values(), probes=["widget", "query"], silent_after_s=30)
    shuffled = random.sample(history, len(history))
    assert judge(spec, shuffled, history[-1]) == judge(spec, history, history[-1])


@given(st.lists(JUDGED | QUERIED, min_size=1, max_size=12))
def test_a_breach_is_never_below_its_limit_and_says_since_when(history: list[Run]) -> None:
    spec = guard(*ALL.values(), probes=["widget", "query"], silent_after_s=30)
    for finding in judge(spec, history, history[-1]).breached:
        assert finding.observed >= finding.limit
        assert finding.since is not None
        assert at(0) <= finding.since <= at(100)


def test_a_passing_run_ends_what_a_skipped_one_does_not() -> None:
    spec = guard(CONSECUTIVE)
    assert judge(spec, runs("FFS"), run(Outcome.FAILED, 9)).findings[0].observed == 3
    assert judge(spec, runs("FFP"), run(Outcome.FAILED, 9)).findings[0].observed == 1
