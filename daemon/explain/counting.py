"""PURE: which runs counted, which did not, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from config.schema import GuardSpec
from daemon.explain.model import CountedRun
from daemon.explain.wording import brief, span
from daemon.guard import GuardState
from daemon.guard.blocks import AGAINST
from daemon.verdict import Verdict
from probes.model import Outcome, Purpose, Run

#: Newest runs that an explanation tells of.
RUNS_TOLD = 30

_NEVER = {
    Purpose.CONTROL: "a control never counts against the widget",
    Purpose.PROOF: "a proof never counts against the widget",
    Purpose.DRILL: "a drill: its fault was planted by us",
}


def counted(spec: GuardSpec, state: GuardState, runs: Iterable[Run]) -> list[Run]:
    """Return the runs that the guard's rules may look at, oldest first."""
    since = state.counts_since
    kept = (
        run
        for run in runs
        if run.judges and run.probe in spec.probes and (since is None or run.started_at >= since)
    )
    return sorted(kept, key=lambda run: (run.started_at, run.id))


def tell_runs(
    spec: GuardSpec, state: GuardState, runs: Sequence[Run], verdict: Verdict | None
) -> tuple[CountedRun, ...]:
    """Tell the newest runs, newest first, and what became of each."""
    heard = _heard(spec, counted(spec, state, runs))
    newest = sorted(runs, key=lambda run: (run.started_at, run.id), reverse=True)[:RUNS_TOLD]
    left = Counter(
        {each.location: each.runs for each in state.suspicion.confirmed} if state.suspicion else {}
    )
    lines = []
    for run in newest:
        line = _tell(spec, state, run, verdict, heard)
        if line.confirms and left[run.location] == 0:
            why = "confirms nothing any more: its count began anew after it"
            line = replace(line, confirms=False, why=why)
        left[run.location] -= line.confirms
        lines.append(line)
    return tuple(lines)


def exposed(spec: GuardSpec, run: Run) -> bool | None:
    """Say whether the run's page was told the value under which users meet the flagged thing."""
    told = run.exposure
    if told is None or told.flag != spec.flag or told.value is None:
        return None
    return told.value is not spec.acts_to


def _heard(spec: GuardSpec, judging: Sequence[Run]) -> frozenset[tuple[str, str]]:
    """Probes and locations that are not silent."""
    if not judging:
        return frozenset()
    since = judging[-1].started_at - timedelta(seconds=spec.silent_after_s)
    return frozenset((run.probe, run.location) for run in judging if run.started_at >= since)


def _tell(
    spec: GuardSpec,
    state: GuardState,
    run: Run,
    verdict: Verdict | None,
    heard: frozenset[tuple[str, str]],
) -> CountedRun:
    why = _why_not_counted(spec, state, run, heard)
    counts = not why
    confirms = False
    if counts and _part_of_a_breach(run, verdict):
        why = _why_no_confirmation(spec, state, run, verdict)
        confirms = not why and state.suspicion is not None
    return CountedRun(
        id=brief(run.id, 40),
        probe=run.probe,
        location=brief(run.location, 64),
        purpose=run.purpose,
        started_at=run.started_at,
        outcome=run.outcome,
        hard=run.hard,
        exposed=exposed(spec, run),
        counts=counts,
        confirms=confirms,
        why=why,
    )


def _why_not_counted(
    spec: GuardSpec, state: GuardState, run: Run, heard: frozenset[tuple[str, str]]
) -> str:
    since = state.counts_since
    reason = brief(run.reason) or "no reason is on record"
    told = (
        (run.purpose in _NEVER, _NEVER.get(run.purpose, "")),
        (run.probe not in spec.probes, "its probe is none of this guard's"),
        (
            since is not None and run.started_at < since,
            _spoke_for(state, run) + "began before the flag last changed",
        ),
        (run.outcome is Outcome.ERROR, f"could not judge: {reason}"),
        (run.outcome is Outcome.SKIPPED, f"says nothing about the widget: {reason}"),
        (
            (run.probe, run.location) not in heard,
            f"its location is silent: nothing judged there for {span(spec.silent_after_s)}",
        ),
    )
    return next((text for holds, text in told if holds), "")


def _spoke_for(state: GuardState, run: Run) -> str:
    kill = state.kill
    first = kill.first_failed_at if kill is not None else None
    if kill is None or first is None or run.outcome is not Outcome.FAILED:
        return ""
    return "spoke for the kill; " if first <= run.started_at <= kill.decided_at else ""


def _part_of_a_breach(run: Run, verdict: Verdict | None) -> bool:
    """Say whether the run speaks against the widget: it failed, or was part of a row at a limit."""
    if run.outcome is Outcome.FAILED:
        return True
    breached = verdict.breached if verdict is not None else ()
    return any(
        finding.by_finished_runs
        and (finding.probe, finding.location) == (run.probe, run.location)
        and finding.since is not None
        and run.started_at >= finding.since
        for finding in breached
    )


def _why_no_confirmation(
    spec: GuardSpec, state: GuardState, run: Run, verdict: Verdict | None
) -> str:
    suspicion, kill = state.suspicion, state.kill
    told = exposed(spec, run)
    if told is None and not (verdict is not None and verdict.attributable):
        why_not = run.exposure.reason if run.exposure is not None else ""
        because = f": {brief(why_not)}" if why_not else ""
        return f"cannot confirm: its page got no readable answer for {spec.flag}{because}"
    if told is False:
        return f"cannot confirm: its page was told that {spec.flag} is as the act would write it"
    if kill is not None:
        return _spoke_for(state, run) + "the act is decided, so nothing is confirmed any more"
    if suspicion is None:
        return ""
    return _why_not_of_this(spec, state, run)


def _why_not_of_this(spec: GuardSpec, state: GuardState, run: Run) -> str:
    suspicion = state.suspicion
    if suspicion is None:
        return ""
    since = suspicion.confirm_since
    told = (
        (run.started_at < suspicion.first_failed_at, "from before this suspicion"),
        (
            suspicion.control in AGAINST,
            f"cannot confirm while the control {suspicion.control}: it may have met the site's "
            "fault",
        ),
        (
            since is not None and run.started_at < since,
            "cannot confirm: it began before the control passed again",
        ),
        (
            run.started_at < suspicion.since and run.purpose is not Purpose.CONFIRM,
            "led to this suspicion; what confirms it comes after",
        ),
    )
    return next((text for holds, text in told if holds), "")
