"""An explanation says what is so, why, and what would have to happen next."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from daemon.explain import Explanation, explain
from daemon.explain.counting import RUNS_TOLD
from daemon.explain.model import CountedRun
from daemon.explain.nexts import needs
from daemon.guard import Phase
from daemon.guard.messages import FlipApplied, TimePassed
from daemon.guard.phases import SHORT
from daemon.guard.words import yours
from probes.model import Exposure, Outcome, Purpose, Run
from tests.daemon.build import FLAG, run
from tests.daemon.story import Story

RAMP = {"recovery": "ramp", "ramp": SHORT["ramp"]}


def told(story: Story, *more: Run, **keywords: object) -> Explanation:
    return explain(story.spec, story.state, [*story.runs, *more], story.now, **keywords)  # type: ignore[arg-type]


def line_of(story: Story, one: Run) -> CountedRun:
    (line,) = (line for line in told(story, one).runs if line.id == one.id)
    return line


def ramped() -> Story:
    story = Story(**RAMP).killed().wait(20)
    story.tell(TimePassed())
    return story.wait(1).tell(FlipApplied(True, False, step=0))


#: A story for each phase, and what must be said to come next.
STORIES: dict[Phase, tuple[Callable[[], Story], str]] = {
    Phase.ARMED: (lambda: Story().passes(), "nothing: the widget is healthy"),
    Phase.OBSERVE: (lambda: Story(mode="observe").passes(), "nothing: the widget is healthy"),
    Phase.SUSPECT: (
        lambda: Story().suspect(),
        r"to act: 2 more hard confirming runs, or 3 soft or hard|to act: a control run that passes",
    ),
    Phase.BLIND: (lambda: Story(blind_after=2).runs_in("EE"), "a run that can judge"),
    Phase.SITE_DOWN: (
        lambda: Story().suspect().control("fails").fails(3),
        "people must mend the site",
    ),
    Phase.POWERLESS: (
        lambda: Story().suspect().control("powerless").fails(3),
        "make widget_enabled gate this page",
    ),
    Phase.KILLING: (lambda: Story().killing(), "the store must take widget_enabled"),
    Phase.KILLED_UNVERIFIED: (
        lambda: Story().killing().written(),
        r"a proof run .* by \d\d:\d\d:\d\d UTC",
    ),
    Phase.KILLED: (lambda: Story().killed(), "an operator must reset it.*`tripflag reset shield"),
    Phase.KILL_FAILED: (lambda: Story().killing().write_fails(), "a person must look now"),
    Phase.PROBATION: (ramped, r"1 more passing run with the flag seen, and not before"),
    Phase.HUMAN_OFF: (
        lambda: Story().flag_is(True).flag_is(False),
        "a person must turn widget_enabled on again",
    ),
    Phase.HUMAN_ON: (
        lambda: Story().flag_is(True).flag_is(False).flag_is(True),
        r"keeps its hands off until \d\d:\d\d:\d\d UTC",
    ),
    Phase.HELD: (
        lambda: Story().operator("hold", until_s=60),
        r"the hold must end: ends by itself at \d\d:\d\d:\d\d UTC, or by `tripflag release",
    ),
    Phase.LATCHED: (
        lambda: Story(kills_per_day=1).killed().operator("reset").written(restore=True).killing(),
        "an operator must reset it, with what they found",
    ),
}


@pytest.mark.parametrize("label", list(Phase))
def test_every_phase_says_what_it_means_and_what_would_have_to_happen_next(label: Phase) -> None:
    make, expected = STORIES[label]
    story = make()
    assert story.phase is label
    explanation = told(story)
    assert explanation.phase is label
    assert re.search(expected, "\n".join(explanation.nexts))
    text = explanation.text()
    assert f"  {label.name}" in text.splitlines()[1]
    assert yours(story.spec, label) in text
    assert "{" not in explanation.means


def test_an_explanation_is_one_json_object_that_can_be_read_back() -> None:
    kind = TypeAdapter(Explanation)
    explanation = told(Story().suspect().control("passes").fails(1))
    assert kind.validate_json(kind.dump_json(explanation)) == explanation
    assert json.loads(kind.dump_json(explanation))["phase"] == "suspect"


def test_rules_show_what_was_observed_and_the_limit_for_each_probe_and_location() -> None:
    story = Story({"rule": "consecutive_failures", "limit": 3}, probes=["widget", "other"])
    story.fails(2, location="east").passes(1, location="west").fails(3, probe="other")
    lines = told(story).rules
    assert [(r.probe, r.location, r.observed, r.limit, r.breached) for r in lines] == [
        ("other", "local", 3, 3, True),
        ("widget", "east", 2, 3, False),
        ("widget", "west", 0, 3, False),
    ]
    text = told(story).text()
    assert "BREACHED consecutive_failures at local: observed 3, limit 3" in text
    assert "ok       consecutive_failures at east: observed 2, limit 3" in text


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (run(Outcome.ERROR, 90, reason="no browser"), "could not judge: no browser"),
        (run(Outcome.SKIPPED, 90, reason="flag is off"), "says nothing about the widget: flag is"),
        (run(Outcome.FAILED, 90, probe="control", purpose=Purpose.CONTROL), "a control never"),
        (run(Outcome.FAILED, 90, probe="proof", purpose=Purpose.PROOF), "a proof never counts"),
        (run(Outcome.FAILED, 90, purpose=Purpose.DRILL), "a drill: its fault was planted by us"),
        (run(Outcome.FAILED, 90, probe="control", purpose=Purpose.MANUAL), "none of this guard's"),
        (run(Outcome.FAILED, 3, location="far"), "its location is silent"),
    ],
)
def test_a_run_that_did_not_count_says_why(one: Run, why: str) -> None:
    story = Story(silent_after_s=30).suspect().wait(60).fails().wait(30)
    line = line_of(story, one)
    assert why in line.why
    assert not line.counts
    assert not line.confirms


def test_a_run_from_before_the_flag_last_changed_does_not_count() -> None:
    story = Story().killed()
    before = told(story).runs[-1]
    assert (before.counts, before.why) == (
        False,
        "spoke for the kill; began before the flag last changed",
    )
    assert told(story).rules == (), "no run judges since"


@pytest.mark.parametrize(
    ("exposure", "why"),
    [
        (
            Exposure(FLAG, None, reason="HTTP 503"),
            "got no readable answer for widget_enabled: HTTP",
        ),
        (Exposure(FLAG, False), "was told that widget_enabled is as the act would write it"),
        (Exposure("another", True), "got no readable answer for widget_enabled"),
        (None, "got no readable answer for widget_enabled"),
    ],
)
def test_a_run_that_was_not_exposed_counts_but_cannot_confirm(
    exposure: Exposure | None, why: str
) -> None:
    story = Story().suspect().control("passes")
    story.fails(2, exposure=exposure)
    newest = told(story).runs[0]
    assert newest.counts
    assert not newest.confirms
    assert why in newest.why
    assert told(story).confirmed == ()


def test_confirming_runs_are_those_that_the_guard_counted() -> None:
    story = Story(confirmations=5, hard_confirmations=4).suspect().control("passes")
    story.fails(2).fails(1, location="east", hard=True)
    lines = told(story).runs
    by_place = {each.location: each.runs for each in told(story).confirmed}
    assert by_place == {"local": 2, "east": 1}
    assert sum(line.confirms for line in lines) == 3
    assert lines[-1].why == "led to this suspicion; what confirms it comes after"
    assert "confirmed at east: 1 of 5 runs, 1 of 4 hard ones: not yet enough" in told(story).text()
    story.passes(1)
    left = [line.location for line in told(story).runs if line.confirms]
    assert left == ["east"], "a pass began the count anew, where it passed"


def test_runs_of_a_failing_control_confirm_nothing() -> None:
    story = Story().suspect().control("fails").fails(2)
    assert "cannot confirm while the control fails" in told(story).runs[0].why
    story.control("passes")
    assert "began before the control passed again" in told(story).runs[0].why


def test_what_is_still_needed_is_empty_exactly_where_nothing_blocks() -> None:
    story = Story(quorum=2, confirmations=2).suspect()
    steps: tuple[Callable[[], Story], ...] = (
        lambda: story.fails(2),
        lambda: story.control("unknown"),
        lambda: story.runs_in("EEEEE"),
        lambda: story.operator("hold", until_s=30),
        lambda: story.control("passes"),
        lambda: story.wait(40).fails(1),
        lambda: story.passes(1),
    )
    for step in steps:
        step()
        assert story.phase not in (Phase.ARMED, Phase.KILLING)
        assert len(needs(story.spec, story.state, story.now)) == len(story.blockers)
        assert len(told(story).blockers) == len(story.blockers) > 0


def test_a_quorum_asks_for_the_other_location() -> None:
    story = Story(quorum=2, confirmations=2).suspect().control("passes").fails(2)
    assert told(story).confirmed[0].enough
    assert any("at one location, and so on until 1 more" in text for text in told(story).nexts)


def test_the_control_shows_its_finding_age_and_limit() -> None:
    story = Story(control_max_age_s=30).suspect().control("passes").wait(40)
    control = told(story).control
    assert (control.finding, control.age_s, control.limit_s) == ("passes", 41, 30)
    assert "control: passes, 41 s ago (limit 30 s)" in told(story).text()
    assert any("the last is older than 30 s" in text for text in told(story).nexts)


def test_a_kill_shows_its_ladder_and_the_control_that_allowed_it() -> None:
    story = Story().killed()
    control = run(Outcome.PASSED, 1, probe="control", purpose=Purpose.CONTROL)
    explanation = told(story, control)
    assert explanation.kill is not None
    assert explanation.kill.took_s == pytest.approx(
        (story.now - story.runs[0].started_at).total_seconds()
    )
    assert explanation.control.finding == "passes"
    text = explanation.text()
    for name in ("first failed run", "decided", "written", "proven"):
        assert re.search(rf"  {name} +\d\d:\d\d:\d\d UTC, \+\d+\.\d s", text)


def test_a_ramp_shows_its_step_and_when_the_next_is_due() -> None:
    killed = Story(**RAMP).killed()
    ramp = told(killed).ramp
    assert ramp is not None
    assert (ramp.step, ramp.due) == (None, killed.now + timedelta(seconds=10))
    held = killed.operator("hold")
    assert "the ramp waits: an operator's hold is in force" in told(held).nexts
    story = ramped()
    story.passes(1)
    text = told(story).text()
    assert "ramp: step 0, on for the probe's own id only; 1 of 1 passes; next step due" in text


def test_a_fallback_that_a_hold_keeps_back_is_said_until_it_is_fired() -> None:
    kept = Story(fallback={"circuit": "page"}).operator("hold", until_s=60)
    kept.suspect().control("powerless").fails(3)
    assert told(kept).nexts[-1].startswith("the fallback is kept back until then")
    assert not any("kept back" in line for line in told(kept.wait(61).fails()).nexts)


def test_a_fallback_shows_whether_it_was_fired() -> None:
    fallback = {"fallback": {"flag": "plan_b", "circuit": "api"}}
    assert (
        "fallback (flag plan_b on and circuit api open): not fired"
        in told(Story(**fallback)).text()
    )
    assert "circuit api open): fired 12:00:" in told(Story(**fallback).killing()).text()


def test_a_drill_that_is_missing_or_old_leaves_the_guard_unproven() -> None:
    story = Story(drill={"faults": [{"url": "*", "status": 500}], "max_age_s": 3600}).passes()
    assert told(story).drill.startswith("unproven: no drill")
    old, fresh = story.now - timedelta(hours=2), story.now - timedelta(minutes=5)
    assert told(story, drilled_at=old).drill.startswith("unproven: the last good drill was")
    assert told(story, drilled_at=fresh).drill.startswith("proven: the last good drill was 5 min")


def test_what_a_target_sent_is_bounded_and_cannot_move_the_cursor() -> None:
    nasty = "\x1b[2Jred\nline \u202eback " + "x" * 100_000
    story = Story().suspect()
    story.runs_in("E", reason=nasty).fails(40, reason=nasty, exposed=None)
    explanation = told(story)
    text = explanation.text()
    assert len(explanation.runs) == RUNS_TOLD
    assert f"and {len(story.runs) - RUNS_TOLD} older ones" in text
    assert len(text) < 20_000
    assert not set("\x1b\u202e") & set(text)
    assert all(line == line.rstrip("\r") for line in text.splitlines())


def test_a_guard_that_was_told_nothing_is_explained_too() -> None:
    story = Story()
    text = told(story).text()
    assert "a first run that judges: none has come in yet" in text
    assert "not known yet" in text
    assert "no run that judges is on record" in text
