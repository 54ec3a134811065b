"""Rules at limit-1, limit and limit+1; what counts as evidence and what does not."""

from __future__ import annotations

import pytest

from daemon.rules import judge, judge_control, judge_proof, lookback
from daemon.verdict import ControlFinding, Finding, Judgement, Verdict
from probes.model import Exposure, Outcome, Purpose, Run
from tests.daemon.build import guard, run, runs, slow, vitals

CONSECUTIVE = {"rule": "consecutive_failures", "limit": 3}
RATIO = {"rule": "failure_ratio", "limit": 0.5, "window_s": 10, "min_runs": 4}
STEP = {"rule": "step_duration", "step": "open", "limit_s": 2, "runs": 2}
VITAL = {"rule": "vital", "vital": "lcp_s", "limit": 2.5, "runs": 2}


def judged(rule: dict[str, object], history: list[Run], **changes: object) -> Verdict:
    return judge(guard(rule, **changes), history[:-1], history[-1])


def only_finding(verdict: Verdict) -> Finding:
    (finding,) = verdict.findings
    return finding


@pytest.mark.parametrize(
    ("pattern", "streak", "judgement"),
    [
        ("P", 0, Judgement.HEALTHY),
        ("F", 1, Judgement.HEALTHY),
        ("FF", 2, Judgement.HEALTHY),
        ("FFF", 3, Judgement.UNHEALTHY),
        ("FFFF", 4, Judgement.UNHEALTHY),
        ("FFFP", 0, Judgement.HEALTHY),
        ("FFFD", 0, Judgement.HEALTHY),
        ("FFPF", 1, Judgement.HEALTHY),
        ("FEFSF", 3, Judgement.UNHEALTHY),
        ("FEFS", 2, Judgement.UNKNOWN),
        ("FFFE", 3, Judgement.UNKNOWN),
        ("E", None, Judgement.UNKNOWN),
        ("S", None, Judgement.UNKNOWN),
    ],
)
def test_consecutive_failures_are_reached_at_the_limit(
    pattern: str, streak: int | None, judgement: Judgement
) -> None:
    verdict = judged(CONSECUTIVE, runs(pattern))
    assert verdict.judgement is judgement
    assert [finding.observed for finding in verdict.findings] == (
        [] if streak is None else [streak]
    )


@pytest.mark.parametrize(
    ("pattern", "ratio", "breached"),
    [
        ("FFF", 1.0, False),  # fewer than min_runs
        ("FPPP", 0.25, False),
        ("PFPF", 0.5, True),
        ("FFPF", 0.75, True),
        ("PPFPF", 0.4, False),
        ("EFSPFP", 0.5, True),
        ("FFFEEE", 1.0, False),
    ],
)
def test_failure_ratio_needs_enough_runs_and_is_reached_at_the_limit(
    pattern: str, ratio: float, breached: bool
) -> None:
    finding = only_finding(judged(RATIO, runs(pattern)))
    assert (finding.observed, finding.breached) == (pytest.approx(ratio), breached)


def test_the_ratio_window_holds_its_oldest_second_and_nothing_older() -> None:
    inside = [run(Outcome.FAILED, 0), run(Outcome.FAILED, 1)]
    newest = [run(Outcome.PASSED, 9), run(Outcome.PASSED, 10)]
    assert only_finding(judged(RATIO, [*inside, *newest])).observed == 0.5
    later = [run(Outcome.PASSED, 9), run(Outcome.PASSED, 10.001)]
    finding = only_finding(judged(RATIO, [*inside, *later]))
    assert finding.observed == pytest.approx(1 / 3)
    assert not finding.breached


def test_a_late_run_is_judged_by_the_window_at_its_own_start() -> None:
    newer = [run(Outcome.FAILED, 100 + n) for n in range(4)]
    verdict = judge(guard(RATIO), newer, run(Outcome.PASSED, 5))
    assert only_finding(verdict).observed == 0
    nothing = judge(guard(RATIO), newer, run(Outcome.SKIPPED, 5))
    assert only_finding(nothing).observed == 0, "an empty window divides by nothing"


@pytest.mark.parametrize(
    ("took", "streak", "breached"),
    [
        ((1.99, 1.99), 0, False),
        ((1.99, 2.0), 1, False),
        ((2.0, 2.0), 2, True),
        ((2.01, 2.0, 2.0), 3, True),
        ((2.0, 2.0, 1.99), 0, False),
        ((2.0, None, 2.0), 2, True),
        ((None, None), 0, False),
    ],
)
def test_a_step_is_over_its_limit_in_so_many_runs_in_a_row(
    took: tuple[float | None, ...], streak: int, breached: bool
) -> None:
    finding = only_finding(judged(STEP, slow(*took)))
    assert (finding.observed, finding.breached) == (streak, breached)


@pytest.mark.parametrize(
    ("lcp_s", "streak", "breached"),
    [
        ((2.49, 2.49), 0, False),
        ((2.49, 2.5), 1, False),
        ((2.5, 2.5), 2, True),
        ((2.5, 2.51, 9.0), 3, True),
        ((2.5, None, 2.5), 2, True),
        ((2.5, 2.5, 0.1), 0, False),
    ],
)
def test_a_vital_is_over_its_limit_in_so_many_runs_in_a_row(
    lcp_s: tuple[float | None, ...], streak: int, breached: bool
) -> None:
    finding = only_finding(judged(VITAL, vitals(*lcp_s)))
    assert (finding.observed, finding.breached) == (streak, breached)


def test_runs_without_any_vitals_say_nothing_about_one() -> None:
    assert only_finding(judged(VITAL, runs("DD"))).observed == 0


@pytest.mark.parametrize("purpose", [Purpose.CONTROL, Purpose.PROOF])
def test_controls_and_proofs_are_no_evidence_against_the_widget(purpose: Purpose) -> None:
    others = [run(Outcome.FAILED, n, purpose=purpose) for n in range(5)]
    assert judge(guard(CONSECUTIVE), others, run(Outcome.FAILED, 6)).findings[0].observed == 1
    assert judge(guard(CONSECUTIVE), [], others[0]).judgement is Judgement.UNKNOWN


@pytest.mark.parametrize("purpose", [Purpose.SCHEDULED, Purpose.CONFIRM, Purpose.MANUAL])
def test_scheduled_confirming_and_manual_runs_count(purpose: Purpose) -> None:
    history = [run(Outcome.FAILED, n, purpose=purpose) for n in range(3)]
    assert judged(CONSECUTIVE, history).judgement is Judgement.UNHEALTHY


def test_locations_are_judged_apart() -> None:
    split = [
        *runs("FF", location="east"),
        *runs("FF", location="west"),
        run(Outcome.PASSED, 9, location="east"),
    ]
    verdict = judged(CONSECUTIVE, split)
    assert {f.location: f.observed for f in verdict.findings} == {"east": 0, "west": 2}
    assert verdict.judgement is Judgement.HEALTHY


def test_a_probe_that_fails_is_not_diluted_by_one_that_passes() -> None:
    spec = guard(CONSECUTIVE, probes=["widget", "other"])
    passing = runs("PPP", probe="other")
    verdict = judge(spec, [*runs("FFF"), *passing[:2]], passing[2])
    assert verdict.judgement is Judgement.UNHEALTHY
    assert not verdict.speaks_against, "this run's own probe breaches nothing"


def test_a_rule_can_be_for_some_of_the_probes() -> None:
    spec = guard({**CONSECUTIVE, "probes": ["other"]}, probes=["widget", "other"])
    verdict = judge(spec, runs("FF"), run(Outcome.FAILED, 3))
    assert verdict.findings == ()
    assert verdict.judgement is Judgement.HEALTHY


def test_a_run_of_another_probe_is_unknown_and_leaves_the_rest_alone() -> None:
    verdict = judge(guard(CONSECUTIVE), runs("FFF"), run(Outcome.PASSED, 9, probe="stranger"))
    assert verdict.judgement is Judgement.UNKNOWN
    assert only_finding(verdict).observed == 3


def test_the_same_run_told_twice_counts_once() -> None:
    first, second = runs("FF")
    assert only_finding(judge(guard(CONSECUTIVE), [first, second, first], second)).observed == 2


def test_order_of_arrival_does_not_matter_only_the_start_does() -> None:
    history = runs("FPFF")
    expected = only_finding(judge(guard(CONSECUTIVE), history, history[-1])).observed
    for latest in history:
        shuffled = judge(guard(CONSECUTIVE), reversed(history), latest)
        assert only_finding(shuffled).observed == expected == 2


def test_the_worst_breach_comes_first() -> None:
    spec = guard({**CONSECUTIVE, "severity": 3}, {**RATIO, "severity": 1})
    verdict = judge(spec, runs("FFF"), run(Outcome.FAILED, 3))
    assert [finding.severity for finding in verdict.breached] == [1, 3]
    assert verdict.speaks_against


@pytest.mark.parametrize(
    ("act", "told", "exposed"),
    [
        ("disable_flag", True, True),
        ("disable_flag", False, False),
        ("disable_flag", None, None),
        ("fallback", True, False),
        ("fallback", False, True),
        ("fallback", None, None),
    ],
)
def test_exposure_is_the_value_that_the_act_does_not_write(
    act: str, told: bool | None, exposed: bool | None
) -> None:
    verdict = judge(guard(CONSECUTIVE, act=act), [], run(exposed=told))
    assert verdict.exposed is exposed


def test_a_run_that_saw_another_flag_or_none_says_nothing_about_exposure() -> None:
    other = run(exposure=Exposure("another_flag", True))
    assert judge(guard(), [], other).exposed is None
    assert judge(guard(), [], run(exposure=None)).exposed is None
    told_other = run(Outcome.PASSED, exposure=Exposure("another_flag", False))
    assert not judge_proof(guard(), told_other).proven


@pytest.mark.parametrize(
    ("outcome", "rendered", "finding"),
    [
        (Outcome.PASSED, False, ControlFinding.PASSES),
        (Outcome.DEGRADED, None, ControlFinding.PASSES),
        (Outcome.FAILED, False, ControlFinding.FAILS),
        (Outcome.FAILED, None, ControlFinding.FAILS),
        (Outcome.FAILED, True, ControlFinding.POWERLESS),
        (Outcome.ERROR, True, ControlFinding.UNKNOWN),
        (Outcome.SKIPPED, None, ControlFinding.UNKNOWN),
    ],
)
def test_what_a_control_run_says(
    outcome: Outcome, rendered: bool | None, finding: ControlFinding
) -> None:
    control = run(outcome, probe="control", purpose=Purpose.CONTROL, rendered=rendered)
    assert judge_control(control).finding is finding


def test_a_failed_control_without_exposure_blames_the_site() -> None:
    assert judge_control(run(exposure=None)).finding is ControlFinding.FAILS


@pytest.mark.parametrize(
    ("act", "outcome", "told", "rendered", "proven"),
    [
        ("disable_flag", Outcome.PASSED, False, False, True),
        ("disable_flag", Outcome.DEGRADED, False, None, True),
        ("disable_flag", Outcome.PASSED, True, False, False),
        ("disable_flag", Outcome.PASSED, None, False, False),
        ("disable_flag", Outcome.PASSED, False, True, False),
        ("disable_flag", Outcome.FAILED, False, False, False),
        ("disable_flag", Outcome.ERROR, False, False, False),
        ("fallback", Outcome.PASSED, True, False, True),
        ("fallback", Outcome.PASSED, False, False, False),
    ],
)
def test_a_proof_needs_the_new_value_and_a_whole_page_without_the_flagged_thing(
    act: str, outcome: Outcome, told: bool | None, rendered: bool | None, proven: bool
) -> None:
    proof = run(outcome, probe="proof", purpose=Purpose.PROOF, exposed=told, rendered=rendered)
    assert judge_proof(guard(act=act), proof).proven is proven


def test_an_unproven_page_says_why() -> None:
    spec = guard()
    old = run(Outcome.PASSED, exposed=True, reason="ignored")
    still = run(Outcome.PASSED, exposed=False, rendered=True)
    broken = run(Outcome.FAILED, exposed=False, reason="blank page")
    assert judge_proof(spec, old).reason == "the toggle service still answers the old value"
    assert judge_proof(spec, still).reason == "the page still shows the flagged thing"
    assert judge_proof(spec, broken).reason == "blank page"


@pytest.mark.parametrize(
    ("error", "proven"),
    [
        ("menu is undefined", False),
        ("Failed to load /a/7f3e9.js at 12:31", True),  # logged before, of another build
        ("va-loading-indicator: cannot observe", True),  # the real page's own, harmless
    ],
)
def test_a_proof_whose_page_logs_a_new_error_is_none(error: str, proven: bool) -> None:
    known = ("Failed to load /a/1c2d4.js at 08:02",)
    before = [run(Outcome.PASSED, probe="control", browser="chromium", console_errors=known)]
    proof = run(Outcome.PASSED, exposed=False, browser="chromium", console_errors=(error,))
    told = judge_proof(guard(), proof, before)
    assert told.proven is proven
    assert (error in told.reason) is not proven
    assert judge_proof(guard(), proof).proven, "without a page of before nothing is new"


def test_text_of_the_target_that_utf8_cannot_hold_is_made_harmless() -> None:
    hostile = run(reason="half a pair: \ud83d!")
    for reason in (
        judge(guard(), [], hostile).run_reason,
        judge_control(hostile).reason,
        judge_proof(guard(), hostile).reason,
    ):
        assert reason == "half a pair: ?!"


@pytest.mark.parametrize(
    ("rule", "at_least"),
    [(CONSECUTIVE, 3), (STEP, 2), (VITAL, 2), (RATIO, 120), ({**RATIO, "min_runs": 500}, 500)],
)
def test_the_lookback_covers_every_rule(rule: dict[str, object], at_least: int) -> None:
    assert lookback(guard(rule)) >= at_least
    assert lookback(guard(rule, CONSECUTIVE)) >= at_least
