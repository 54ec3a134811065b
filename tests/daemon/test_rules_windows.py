"""Rules on a window, at limit-1, limit and limit+1; which runs are in it and which are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.rules import judge
from daemon.verdict import Finding
from probes.model import Outcome, Run, Step
from tests.daemon.build import guard, run, runs

WINDOW = {"window_s": 100, "min_runs": 4}
COMPLETION = {"rule": "completion_rate", "limit": 0.5, **WINDOW}
DROP_OFF = {"rule": "drop_off", "step": "send", "limit": 0.5, **WINDOW}
QUANTILE = {"rule": "latency_quantile", "limit_s": 2, "quantile": 0.5, **WINDOW}


def finding(rule: dict[str, object], history: list[Run]) -> Finding:
    (found,) = judge(guard(rule), history[:-1], history[-1]).findings
    return found


def seen(found: Finding) -> tuple[float, bool]:
    return found.observed, found.breached


def walks(*ways: str) -> list[Run]:
    """Runs that came so far: "past" the step, "ended" in it, "broke" before or "later", "error"."""
    step = {
        "past": (Step("send", Outcome.PASSED, 1),),
        "ended": (Step("open", Outcome.PASSED, 1), Step("send", Outcome.FAILED, 1)),
        "broke": (Step("open", Outcome.FAILED, 1),),
        "later": (Step("send", Outcome.PASSED, 1), Step("thank", Outcome.FAILED, 1)),
        "error": (Step("send", Outcome.ERROR, 1),),
        "skipped": (Step("send", Outcome.SKIPPED, 1),),
    }
    outcome = {
        "past": Outcome.PASSED,
        "error": Outcome.ERROR,
        "skipped": Outcome.SKIPPED,
    }
    return [run(outcome.get(way, Outcome.FAILED), n, steps=step[way]) for n, way in enumerate(ways)]


def took(*durations_s: float, outcome: Outcome = Outcome.PASSED) -> list[Run]:
    """Runs that took so long, half of it in the step "open"."""
    return [
        replace(
            run(outcome, n, id=f"took-{n}", steps=(Step("open", Outcome.PASSED, each / 2),)),
            duration_s=each,
        )
        for n, each in enumerate(durations_s)
    ]


@pytest.mark.parametrize(
    ("pattern", "share", "breached"),
    [
        ("FFF", 1.0, False),
        ("FPPP", 0.25, False),
        ("PFPF", 0.5, True),
        ("FFPF", 0.75, True),
        ("DFPDF", 0.4, False),
        ("EFSPFP", 0.5, True),
        ("FFFEEE", 1.0, False),
    ],
)
def test_completion_counts_the_runs_that_did_not_come_through(
    pattern: str, share: float, breached: bool
) -> None:
    assert seen(finding(COMPLETION, runs(pattern))) == (pytest.approx(share), breached)


@pytest.mark.parametrize(
    ("ways", "share", "breached"),
    [
        (("past", "past", "past", "ended"), 0.25, False),
        (("past", "ended", "past", "ended"), 0.5, True),
        (("ended", "ended", "past", "ended"), 0.75, True),
        (("ended", "ended", "ended"), 1.0, False),
        (("broke", "broke", "broke", "broke"), 0.0, False),
        (("ended", "broke", "past", "broke", "past", "past"), 0.25, False),
        (("ended", "later", "past", "ended"), 0.5, True),
        (("ended", "error", "skipped", "ended", "past", "later"), 0.5, True),
    ],
)
def test_drop_off_is_a_share_of_the_runs_that_reached_the_step(
    ways: tuple[str, ...], share: float, breached: bool
) -> None:
    assert seen(finding(DROP_OFF, walks(*ways))) == (pytest.approx(share), breached)


@pytest.mark.parametrize(
    ("durations_s", "observed", "breached"),
    [
        ((2, 2, 2), 2, False),
        ((1, 1.99, 3, 3), 1.99, False),
        ((3, 2, 1, 3), 2, True),
        ((1, 2.01, 3, 3), 2.01, True),
        ((1, 1, 1, 2, 3), 1, False),
    ],
)
def test_a_quantile_is_a_duration_that_a_run_really_took(
    durations_s: tuple[float, ...], observed: float, breached: bool
) -> None:
    assert seen(finding(QUANTILE, took(*durations_s))) == (observed, breached)


@pytest.mark.parametrize(
    ("quantile", "runs_measured", "rank"),
    [(0.95, 20, 19), (0.95, 21, 20), (0.99, 100, 99), (1, 7, 7), (0.001, 7, 1), (0.55, 100, 55)],
)
def test_a_quantile_is_the_nearest_rank(quantile: float, runs_measured: int, rank: int) -> None:
    history = took(*range(1, runs_measured + 1))
    rule = {**QUANTILE, "quantile": quantile, "window_s": 1000}
    assert finding(rule, history).observed == rank


def test_the_time_out_of_a_failed_run_is_no_latency() -> None:
    history = [*took(1, 1, 1, 1), *took(30, 30, 30, 30, 30, outcome=Outcome.FAILED)]
    numbered = [run(r.outcome, n, id=f"mixed-{n}", steps=r.steps) for n, r in enumerate(history)]
    of_step = {**QUANTILE, "step": "open", "limit_s": 1}
    assert seen(finding(of_step, numbered)) == (0.5, False)
    nothing = finding(QUANTILE, took(9, 9, 9, 9, outcome=Outcome.FAILED))
    assert seen(nothing) == (0, False)
    assert nothing.text == "widget: duration not measured in 100 s, limit 2 s of at least 4"


def test_degraded_runs_have_a_latency() -> None:
    assert finding(QUANTILE, took(3, 3, 3, 3, outcome=Outcome.DEGRADED)).breached


def test_a_quantile_of_a_step_leaves_out_runs_without_that_step() -> None:
    rule = {**QUANTILE, "step": "open"}
    without = [run(Outcome.PASSED, 50 + n) for n in range(5)]
    slow = took(4, 4, 4, 4)
    assert seen(finding(rule, [*slow, *without])) == (2, True)
    assert seen(finding(rule, [*slow[:3], *without])) == (2, False), "three runs are too few"


@pytest.mark.parametrize("rule", [COMPLETION, DROP_OFF, QUANTILE], ids=lambda r: r["rule"])
@pytest.mark.parametrize(("newest_s", "counted"), [(100, 4), (100.001, 3)])
def test_a_window_holds_its_oldest_second_and_nothing_older(
    rule: dict[str, object], newest_s: float, counted: int
) -> None:
    steps = (Step("send", Outcome.PASSED, 1),)
    history = [run(Outcome.PASSED, moment, steps=steps) for moment in (0, 1, 2, newest_s)]
    assert f" {counted} runs " in finding(rule, history).text


@pytest.mark.parametrize(
    ("rule", "history", "words"),
    [
        (
            {"rule": "failure_ratio", "limit": 0.025, **WINDOW},
            runs("FPPP"),
            "1 of 4 runs failed in 100 s, limit 2.5 % of at least 4",
        ),
        (
            COMPLETION,
            runs("FPP"),
            "completion rate 66.7 %: 1 of 3 runs did not come through in 100 s, limit 50 % of at "
            "least 4",
        ),
        (
            DROP_OFF,
            walks("past", "ended", "broke"),
            "1 of 2 runs that reached step 'send' ended there in 100 s, limit 50 % of at least 4",
        ),
        (
            {**QUANTILE, "quantile": 0.95},
            took(1, 3),
            "duration p95 3 s of 2 runs in 100 s, limit 2 s of at least 4",
        ),
        (
            {**QUANTILE, "step": "open"},
            took(1, 3),
            "step 'open' p50 0.5 s of 2 runs in 100 s, limit 2 s of at least 4",
        ),
    ],
)
def test_a_window_shows_the_value_that_was_observed(
    rule: dict[str, object], history: list[Run], words: str
) -> None:
    assert finding(rule, history).text == f"widget: {words}"


def test_a_window_without_a_run_divides_by_nothing() -> None:
    newer = walks("ended", "ended", "ended", "ended")
    late = run(Outcome.SKIPPED, -5)
    for rule in (COMPLETION, DROP_OFF, QUANTILE):
        (found,) = judge(guard(rule), newer, late).findings
        assert seen(found) == (0, False)
        assert found.since is None
