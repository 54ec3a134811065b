"""PURE: an explanation in lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from daemon.explain.wording import clock, span
from probes.model import Purpose

if TYPE_CHECKING:
    from daemon.explain.model import CountedRun, Explanation, LadderLine

_VALUE = {True: "on", False: "off", None: "not known yet"}


def lines(told: Explanation) -> Iterator[str]:
    """Say it from the most urgent to the least."""
    yield f"{told.guard} at {clock(told.at)} UTC"
    since = f" since {clock(told.since, told.at)} UTC" if told.since else ""
    yield f"  {told.phase.name}{since}: {told.means}"
    if told.why:
        yield f"  why: {told.why}"
    act = "on" if told.acts_to else "off"
    yield f"  flag: {told.flag} is {_VALUE[told.flag_value]} (as last seen); the act turns it {act}"
    yield f"  yours: {told.yours}"
    yield from (f"  CAVEAT: {text}" for text in told.caveats)
    yield "what would have to happen next"
    yield from (f"  {text}" for text in told.nexts)
    yield from _people(told)
    yield from _kill(told)
    yield from _evidence(told)
    yield from _runs(told)


def _people(told: Explanation) -> Iterator[str]:
    for each in told.hands_off:
        end = f"until {clock(each.until, told.at)} UTC" if each.until else "with no end by itself"
        yield f"hands off: {each.text}, since {clock(each.since, told.at)} UTC, {end}"
    if told.drill:
        yield f"drill: {told.drill}"


def _kill(told: Explanation) -> Iterator[str]:
    if told.kill is not None:
        yield from _ladder(told.kill, told.at)
    yield f"kills in 24 h: {told.kills_24h}, budget {told.kills_per_day}"
    fallback = told.fallback
    if fallback is not None:
        what = " and ".join(
            text
            for name, text in (
                (fallback.flag, f"flag {fallback.flag} on"),
                (fallback.circuit, f"circuit {fallback.circuit} open"),
            )
            if name
        )
        fired = "not fired"
        if fallback.since is not None:
            fired = f"fired {clock(fallback.since, told.at)} UTC: {fallback.reason}"
        yield f"fallback ({what}): {fired}"
        if fallback.failure:
            yield f"  {fallback.failure}"
    ramp = told.ramp
    if ramp is not None:
        step = "not begun" if ramp.step is None else f"step {ramp.step}, {ramp.share}"
        due = f"; next step due {clock(ramp.due, told.at)} UTC" if ramp.due else ""
        passes = f"; {ramp.passes} of {ramp.passes_needed} passes" if ramp.step is not None else ""
        yield f"ramp: {step}{passes}{due}; hold-off {span(ramp.hold_off_s)}"
        yield from (f"  waits: {text}" for text in ramp.blockers)


def _ladder(kill: LadderLine, now: datetime) -> Iterator[str]:
    start = kill.first_failed_at or kill.decided_at
    yield f"kill by {kill.by}: {kill.reason}"
    steps = (
        ("first failed run", kill.first_failed_at),
        ("decided", kill.decided_at),
        ("written", kill.written_at),
        ("failed", kill.failed_at),
        ("proven", kill.verified_at),
    )
    for name, at in steps:
        if at is not None:
            yield f"  {name:<17}{clock(at, now)} UTC, +{(at - start).total_seconds():.1f} s"
    if kill.failure:
        yield f"  failure: {kill.failure}"
    if kill.resetting:
        yield "  a reset is asked, and not yet written"


def _evidence(told: Explanation) -> Iterator[str]:
    yield "rules, as of the latest run that judges"
    if not told.rules:
        yield "  no run that judges is on record since the flag last changed"
    for rule in told.rules:
        mark = "BREACHED" if rule.breached else "ok"
        yield (
            f"  {mark:<9}{rule.rule} at {rule.location}: observed {rule.observed:.6g}, limit "
            f"{rule.limit:.6g} (severity {rule.severity}): {rule.text}"
        )
    for each in told.confirmed:
        enough = "enough" if each.enough else "not yet enough"
        yield (
            f"confirmed at {each.location}: {each.runs} of {each.runs_needed} runs, {each.hard} of "
            f"{each.hard_needed} hard ones: {enough}; {told.quorum} location(s) needed"
        )
    control = told.control
    if control.finding is None:
        yield f"control: not measured (may be {control.limit_s:g} s old)"
    else:
        age = "at an unknown time" if control.age_s is None else f"{span(control.age_s)} ago"
        reason = f": {control.reason}" if control.reason else ""
        yield f"control: {control.finding}, {age} (limit {control.limit_s:g} s){reason}"
    if told.blockers:
        yield "between it and its act"
        yield from (f"  {text}" for text in told.blockers)


def _runs(told: Explanation) -> Iterator[str]:
    yield "runs, newest first"
    if not told.runs:
        yield "  none on record"
    for run in told.runs:
        yield f"  {clock(run.started_at, told.at)} {_run(run)}"
    if told.runs_left_out:
        yield f"  and {told.runs_left_out} older ones"


def _run(run: CountedRun) -> str:
    purpose = "" if run.purpose is Purpose.SCHEDULED else f" ({run.purpose})"
    hard = ", hard" if run.hard else ""
    label = "confirms" if run.confirms else "counts" if run.counts else "left out"
    why = f": {run.why}" if run.why else ""
    return f"{run.probe} at {run.location}{purpose} {run.outcome}{hard}: {label}{why}"
