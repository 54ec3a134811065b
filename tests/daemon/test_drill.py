"""A rehearsed kill, in the pure core: what a drill's runs do to a copy of a guard."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from config.schema import GuardSpec, InjectedFault
from daemon.drill import MAX_RUNS, Ending, Rehearsal, abort, begin, pass_time, take
from daemon.drill_report import REPORT_JSON, Asked, fault_in_words, report_of
from daemon.guard import GuardState, Phase
from daemon.guard.messages import RunProbe
from daemon.guard.state import Hold, Human, Suspicion
from probes.model import Exposure, Outcome, Purpose
from tests.daemon.build import FLAG, T0, at, guard, run

ON = replace(GuardState.new(), flag_value=True, updated_at=T0, judged_at=T0)
API = InjectedFault(url="**/api", status=500, body="secret")


class Play:
    """A drill whose runs each take a second; `asked` is what it wants next."""

    def __init__(self, spec: GuardSpec, found: GuardState = ON, **more: Any) -> None:
        self.now_s = 10.0
        self.asked: list[RunProbe] = []
        self.drill: Rehearsal = begin(spec, found, more.pop("within_s", 60), self.now, **more)

    @property
    def now(self) -> datetime:
        return at(self.now_s)

    def take(self, outcome: Outcome, judged_as: Purpose = Purpose.CONFIRM, **more: Any) -> Play:
        one = run(outcome, self.now_s, purpose=Purpose.DRILL, **more)
        self.now_s += 1
        self.drill, orders = take(self.drill, one, judged_as, self.now)
        self.asked += orders
        return self

    def fails(self, times: int = 1, **more: Any) -> Play:
        for _ in range(times):
            self.take(Outcome.FAILED, **more)
        return self

    def control(self, outcome: Outcome = Outcome.PASSED, **more: Any) -> Play:
        more = {"probe": "control", "exposed": False, **more}
        return self.take(outcome, Purpose.CONTROL, **more)

    def wait(self, seconds: float) -> Play:
        self.now_s += seconds
        self.drill = pass_time(self.drill, self.now)
        return self

    @property
    def ending(self) -> Ending | None:
        return self.drill.ended and self.drill.ended.ending

    @property
    def says(self) -> str:
        return self.report.says

    @property
    def report(self) -> Any:
        asked = Asked("d1", "shield", "ann", "")
        return report_of(asked, (API,), self.drill, None, self.now)


def quick(**changes: Any) -> GuardSpec:
    return guard(**{"confirmations": 2, **changes})


def test_a_detected_fault_would_have_killed_after_the_time_from_its_first_run() -> None:
    play = Play(quick()).fails()
    assert play.asked == [
        RunProbe(
            "widget",
            Purpose.CONFIRM,
            trace=True,
            control="control",
            control_first=True,
            fresh=True,
        )
    ]
    play.fails().control()
    assert play.ending is None
    play.fails()
    assert play.ending is Ending.WOULD_KILL
    assert play.drill.detection_s == 4
    assert play.says == f"would have turned {FLAG} off after 4.0 s"
    phases = [each.phase for each in play.report.phases]
    assert phases == [Phase.ARMED, Phase.SUSPECT, Phase.KILLING]
    assert any(line.text.startswith(f"would turn {FLAG} off: ") for line in play.report.lines)


def test_what_comes_in_after_the_end_changes_nothing() -> None:
    play = Play(quick()).fails(2).control().fails()
    ended = play.drill
    assert play.fails().control(Outcome.FAILED).wait(100).drill == ended
    assert abort(play.drill, "late", play.now) == ended


def test_hard_failures_need_fewer_runs() -> None:
    play = Play(quick(confirmations=5, hard_confirmations=1)).fails().control().fails(hard=True)
    assert play.ending is Ending.WOULD_KILL


@pytest.mark.parametrize(
    ("found", "changes", "why"),
    [
        ({"hold": Hold("ann", "deploy", T0)}, {}, "an operator's hold is in force"),
        ({"human": Human(True, T0)}, {}, "a person turned the flag on"),
        ({"latched": "2 failed kills in 24 h"}, {}, "latched: 2 failed kills in 24 h"),
        ({"kills": (T0,)}, {"kills_per_day": 1}, "1 kills in 24 h, the budget is 1"),
        ({}, {"mode": "observe"}, "observe mode"),
    ],
    ids=["hold", "human_on", "latched", "budget", "observe"],
)
def test_what_holds_the_real_guards_hands_does_not_spoil_the_detection_but_is_told(
    found: dict[str, Any], changes: dict[str, Any], why: str
) -> None:
    play = Play(quick(**changes), replace(ON, **found)).fails(2).control().fails()
    assert play.ending is Ending.HELD_BACK
    assert (play.report.good, play.report.would_kill, play.drill.detection_s) == (True, False, 4)
    assert len(play.report.held_back) == 1
    assert why in play.report.held_back[0]


def test_a_hold_that_is_over_holds_nothing_back() -> None:
    held = replace(ON, hold=Hold("ann", "deploy", T0, at(5)), kills=(at(0) - timedelta(days=2),))
    play = Play(quick(kills_per_day=1), held).fails(2).control().fails()
    assert play.ending is Ending.WOULD_KILL


def test_an_observing_guard_is_told_what_it_would_do_in_enforce_mode() -> None:
    play = Play(quick(mode="observe")).fails(2).control().fails()
    assert play.says == (
        f"in enforce mode it would have turned {FLAG} off after 4.0 s; now it only observes"
    )


def test_a_fallback_guard_would_turn_its_flag_on() -> None:
    found = replace(ON, flag_value=False)
    play = Play(quick(act="fallback", fallback={"circuit": "api"}), found)
    play.fails(2, exposed=False).control(exposed=True).fails(exposed=False)
    assert play.says == f"would have turned {FLAG} on after 4.0 s"
    assert any(line.text.startswith("would open circuit api: ") for line in play.report.lines)


def test_a_control_that_fails_too_ends_it_with_what_that_means() -> None:
    play = Play(quick()).fails(2).control(Outcome.FAILED, reason="no heading").fails()
    assert play.ending is Ending.CONTROL_FAILS
    assert "the control fails too, so the site looks at fault (no heading)" in play.says
    assert (play.report.good, play.drill.detection_s) == (False, None)


def test_a_control_that_still_shows_the_widget_ends_it_as_powerless() -> None:
    play = Play(quick(fallback={"flag": "other"})).fails(2)
    play.control(Outcome.FAILED, rendered=True, reason="the widget is not shown").fails()
    assert play.ending is Ending.POWERLESS
    assert "the flag does not gate this page, so the kill would be powerless" in play.says
    assert any("would turn other on" in line.text for line in play.report.lines)


def test_a_decision_past_the_limit_is_too_slow() -> None:
    play = Play(quick(), within_s=3).fails(2).control().fails()
    assert play.ending is Ending.TOO_SLOW
    assert (play.report.good, play.report.detection_s) == (False, 4)
    at_limit = Play(quick(), within_s=4).fails(2).control().fails()
    assert at_limit.ending is Ending.WOULD_KILL


def test_the_limit_counts_from_the_first_runs_start() -> None:
    play = Play(quick(), within_s=5)
    assert play.wait(4).ending is None
    assert play.fails().wait(3.9).ending is None
    assert play.wait(0.1).ending is Ending.TIME_OVER


def test_a_fault_that_no_run_meets_is_told() -> None:
    play = Play(quick()).take(Outcome.PASSED).take(Outcome.PASSED).wait(60)
    assert play.ending is Ending.TIME_OVER
    assert "no rule was breached: 0 of 2 runs failed with the faults planted" in play.says


def test_runs_that_could_not_judge_are_told_with_their_reason() -> None:
    play = Play(quick()).take(Outcome.SKIPPED, reason="the flag is off for this browser").wait(60)
    assert "1 could not judge (the last: the flag is off for this browser)" in play.says


def test_a_suspicion_that_was_not_confirmed_in_time_says_what_was_missing() -> None:
    play = Play(quick()).fails(2).wait(60)
    assert "the control has not been measured yet" in play.says


def test_a_drill_whose_runs_never_come_ends_by_time_alone() -> None:
    assert Play(quick()).wait(60).says.endswith("within 60 s: no run came in")


def test_an_endless_drill_ends_by_the_number_of_its_runs() -> None:
    play = Play(quick(), within_s=600_000)
    for _ in range(MAX_RUNS):
        play.take(Outcome.PASSED)
    assert play.wait(0).ending is Ending.TIME_OVER


def test_it_begins_without_the_real_guards_suspicion() -> None:
    suspicion = Suspicion(T0, T0, "widget", "it broke", 1, failures=7)
    found = replace(ON, suspicion=suspicion, failing=("widget",))
    drill = Play(quick(), found).drill
    assert (drill.copy.suspicion, drill.copy.failing) == (None, ())
    assert drill.found is found


def test_earlier_real_runs_dilute_a_ratio_as_they_would_for_a_real_fault() -> None:
    ratio = {"rule": "failure_ratio", "limit": 0.5, "window_s": 60, "min_runs": 2}
    spec = guard(ratio, confirmations=1, hard_confirmations=1)
    before = [run(Outcome.PASSED, n) for n in range(4)]
    fresh, real = Play(spec).fails(2), Play(spec, before=before).fails(2)
    assert fresh.drill.copy.suspicion is not None
    assert real.drill.copy.suspicion is None
    assert real.fails(2).drill.copy.suspicion is not None


def test_its_pace_is_that_of_the_scheduler() -> None:
    play = Play(guard({"rule": "consecutive_failures", "limit": 2}))
    assert play.drill.pace_s(60, 5, "widget") == 60
    assert play.fails().drill.pace_s(60, 5, "widget") == 5
    assert play.drill.pace_s(60, 5, "other") == 60
    assert play.fails().drill.pace_s(60, 5, "other") == 5
    assert play.drill.pace_s(1, 5, "other") == 1


def test_a_clock_set_back_does_not_break_it() -> None:
    play = Play(quick(), replace(ON, updated_at=at(1000)))
    play.fails()
    play.now_s -= 0.5
    assert play.fails().control().fails().ending is Ending.WOULD_KILL


def test_an_aborted_drill_says_nothing() -> None:
    play = Play(quick()).fails()
    play.drill = abort(play.drill, "what really broke goes first", play.now)
    assert play.says == "aborted, and says nothing: what really broke goes first"
    assert (play.report.good, play.report.proven_at) == (False, None)


def test_a_report_survives_whatever_a_target_wrote() -> None:
    reason = "half \ud800 a pair\x1b[2J " + "x" * 10_000
    play = Play(quick()).fails(2, reason=reason).control().fails(reason=reason)
    doc = REPORT_JSON.dump_json(play.report)
    assert REPORT_JSON.validate_json(doc) == play.report
    assert b"\x1b" not in doc
    assert len(doc) < 10_000


def test_faults_are_told_without_their_bodies() -> None:
    assert fault_in_words(API) == "**/api is answered with 500"
    assert fault_in_words(InjectedFault(url="a", abort=True)) == "a is cut off"
    assert fault_in_words(InjectedFault(url="a", delay_s=2.5)) == "a is answered 2.5 s late"
    assert "secret" not in REPORT_JSON.dump_json(Play(quick()).report).decode()


def test_an_exposure_of_another_flag_confirms_nothing() -> None:
    other = Exposure("other", True)
    play = Play(quick()).fails(5, exposure=other).control().fails(exposure=other)
    assert play.ending is None


def test_its_runs_are_told_as_what_they_were_judged_as() -> None:
    play = Play(quick()).fails(judged_as=Purpose.SCHEDULED).fails().control()
    told = [(line.judged_as, line.probe) for line in play.report.runs]
    assert told == [
        (Purpose.SCHEDULED, "widget"),
        (Purpose.CONFIRM, "widget"),
        (Purpose.CONTROL, "control"),
    ]
