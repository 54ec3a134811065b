"""PURE: put together why a guard is what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from config.schema import GuardSpec
from daemon.explain.counting import RUNS_TOLD, counted, tell_runs
from daemon.explain.model import (
    ConfirmedLine,
    ControlLine,
    Explanation,
    FallbackLine,
    HandsOff,
    LadderLine,
    RampLine,
    RuleLine,
)
from daemon.explain.nexts import nexts
from daemon.explain.wording import brief, span
from daemon.guard import GuardState, Phase, blockers, phase
from daemon.guard.kill import share_in_words
from daemon.guard.recovery import hold_off_s, ramp_blockers, ramp_due
from daemon.guard.words import meaning, yours
from daemon.rules import judge, judge_control
from daemon.rules.judging import NO_BASELINES, Baselines
from daemon.verdict import ControlFinding, Verdict
from probes.model import Purpose, Run


def explain(
    spec: GuardSpec,
    state: GuardState,
    runs: Sequence[Run],
    now: datetime,
    *,
    baselines: Baselines = NO_BASELINES,
    drilled_at: datetime | None = None,
    since: datetime | None = None,
    caveats: tuple[str, ...] = (),
) -> Explanation:
    """Explain a guard's state.

    Pure: reads no clock, does no I/O; equal arguments give equal results.

    Args:
        spec: limits, as they are now.
        state: the guard's, at `now` or last changed before it.
        runs: any order, of the guard's probes, control and proof, none that came in after `now`;
            of those that judge at least so many that every rule sees what it looks at.
        now: aware UTC.
        baselines: accepted violations of each probe, as (rule, target).
        drilled_at: when the guard's last good drill was.
        since: when the phase began, where the state itself does not tell.
        caveats: what this rests on that may not be so.
    """
    verdict = _verdict(spec, state, runs, baselines)
    label = phase(spec, state, now)
    return Explanation(
        guard=spec.name,
        at=now,
        flag=spec.flag,
        acts_to=spec.acts_to,
        flag_value=state.flag_value,
        mode=spec.mode,
        phase=label,
        means=meaning(spec, label),
        yours=yours(spec, label),
        since=_since(spec, state, label) or since,
        why=_why(state, label),
        nexts=nexts(spec, state, now),
        blockers=_blockers(spec, state, now),
        rules=_rules(verdict),
        runs=tell_runs(spec, state, runs, verdict),
        runs_left_out=max(0, len(runs) - RUNS_TOLD),
        confirmed=_confirmed(spec, state),
        quorum=spec.quorum,
        control=_control(spec, state, runs, now),
        kill=_ladder(state),
        kills_24h=sum(at > now - timedelta(hours=24) for at in state.kills),
        kills_per_day=spec.kills_per_day,
        fallback=_fallback(spec, state),
        ramp=_ramp(spec, state, now),
        hands_off=_hands_off(spec, state, now),
        latched=brief(state.latched),
        drill=_drill(spec, drilled_at, now),
        caveats=caveats,
    )


def _verdict(
    spec: GuardSpec, state: GuardState, runs: Sequence[Run], baselines: Baselines
) -> Verdict | None:
    judging = counted(spec, state, runs)
    return judge(spec, judging, judging[-1], baselines) if judging else None


def _since(spec: GuardSpec, state: GuardState, label: Phase) -> datetime | None:
    kill, silence = state.kill, timedelta(seconds=spec.silent_after_s)
    at: datetime | None = None
    match label:
        case Phase.KILLING | Phase.KILLED_UNVERIFIED | Phase.KILLED | Phase.KILL_FAILED if kill:
            at = kill.verified_at or kill.failed_at or kill.written_at or kill.decided_at
        case Phase.PROBATION if state.probation:
            at = state.probation.since
        case Phase.HELD if state.hold:
            at = state.hold.since
        case Phase.HUMAN_OFF | Phase.HUMAN_ON if state.human:
            at = state.human.since
        case Phase.SITE_DOWN | Phase.POWERLESS if state.incident:
            at = state.incident.opened_at
        case Phase.SUSPECT if state.suspicion:
            at = state.suspicion.since
        case Phase.BLIND if state.judged_at and state.invalid_streak < spec.blind_after:
            at = state.judged_at + silence
    return at


def _why(state: GuardState, label: Phase) -> str:
    if label is Phase.LATCHED:
        return brief(state.latched)
    if label is Phase.HELD and state.hold:
        return brief(f"{state.hold.by}: {state.hold.reason}")
    if label is Phase.BLIND:
        return f"{state.invalid_streak} runs in a row could not judge"
    if state.probation is not None and state.probation.reason:
        return brief(state.probation.reason)
    if state.kill is not None:
        return brief(state.kill.failure or state.kill.reason)
    return brief(state.suspicion.reason) if state.suspicion else ""


def _blockers(spec: GuardSpec, state: GuardState, now: datetime) -> tuple[str, ...]:
    if state.suspicion is None:
        return ()  # it has nothing to act on
    return tuple(brief(text) for text in blockers(spec, state, now))


def _rules(verdict: Verdict | None) -> tuple[RuleLine, ...]:
    lines = (
        RuleLine(
            rule=each.rule,
            probe=each.probe,
            location=brief(each.location, 64),
            severity=each.severity,
            observed=each.observed,
            limit=each.limit,
            breached=each.breached,
            text=brief(each.text),
        )
        for each in (verdict.findings if verdict else ())
    )
    return tuple(sorted(lines, key=lambda line: (not line.breached, line.severity)))


def _confirmed(spec: GuardSpec, state: GuardState) -> tuple[ConfirmedLine, ...]:
    suspicion = state.suspicion
    return tuple(
        ConfirmedLine(
            location=brief(each.location, 64),
            runs=each.runs,
            runs_needed=spec.confirmations,
            hard=each.hard,
            hard_needed=spec.hard_confirmations,
            enough=each.runs >= spec.confirmations or each.hard >= spec.hard_confirmations,
        )
        for each in (suspicion.confirmed if suspicion else ())
    )


def _control(spec: GuardSpec, state: GuardState, runs: Sequence[Run], now: datetime) -> ControlLine:
    suspicion = state.suspicion
    finding: ControlFinding | None = None
    at: datetime | None = None
    reason = ""
    if suspicion is not None:
        finding, at, reason = suspicion.control, suspicion.control_at, suspicion.control_reason
    else:
        # The suspicion is over, and with it what it remembered: the latest control's run tells.
        ran = [run for run in runs if run.purpose is Purpose.CONTROL and run.probe == spec.control]
        if ran:
            told = judge_control(max(ran, key=lambda run: (run.started_at, run.id)))
            finding, at, reason = told.finding, told.started_at, told.reason
    age_s = None if at is None else (now - at).total_seconds()
    return ControlLine(finding, at, age_s, spec.control_max_age_s, brief(reason))


def _ladder(state: GuardState) -> LadderLine | None:
    kill = state.kill
    if kill is None:
        return None
    start, end = kill.first_failed_at or kill.decided_at, kill.verified_at
    return LadderLine(
        by=brief(kill.by, 64),
        reason=brief(kill.reason),
        first_failed_at=kill.first_failed_at,
        decided_at=kill.decided_at,
        written_at=kill.written_at,
        verified_at=end,
        failed_at=kill.failed_at,
        failure=brief(kill.failure),
        took_s=None if end is None else (end - start).total_seconds(),
        resetting=kill.resetting,
    )


def _fallback(spec: GuardSpec, state: GuardState) -> FallbackLine | None:
    if spec.fallback is None:
        return None
    line = FallbackLine(spec.fallback.flag, spec.fallback.circuit, None, "", None, "")
    fired = state.fallback
    if fired is None:
        return line
    return replace(
        line,
        since=fired.since,
        reason=brief(fired.reason),
        written_at=fired.written_at,
        failure=brief(fired.failure),
    )


def _ramp(spec: GuardSpec, state: GuardState, now: datetime) -> RampLine | None:
    if spec.recovery != "ramp" or state.kill is None:
        return None
    probation = state.probation
    return RampLine(
        step=probation.step if probation else None,
        share=share_in_words(spec, probation.step) if probation else "not begun",
        since=probation.since if probation else None,
        passes=probation.passes if probation else 0,
        passes_needed=spec.ramp.passes,
        due=ramp_due(spec, state),
        hold_off_s=hold_off_s(spec, state),
        blockers=tuple(brief(text) for text in ramp_blockers(spec, state, now)),
    )


def _hands_off(spec: GuardSpec, state: GuardState, now: datetime) -> tuple[HandsOff, ...]:
    found: list[HandsOff] = []
    hold, human = state.hold, state.human
    if hold is not None and state.held(now):
        text = brief(f"held by {hold.by}: {hold.reason}")
        found.append(HandsOff("hold", text, hold.since, hold.until))
    if human is not None and state.human_on(spec, now):
        text = f"a person turned {spec.flag} back"
        found.append(HandsOff("human_on", text, human.since, human.until))
    if human is not None and state.human_off(spec):
        text = f"a person set {spec.flag} as the act would"
        found.append(HandsOff("human_off", text, human.since, None))
    return tuple(found)


def _drill(spec: GuardSpec, drilled_at: datetime | None, now: datetime) -> str:
    if spec.drill is None:
        return ""
    if drilled_at is None:
        return "unproven: no drill of this guard was ever good"
    age_s, limit_s = (now - drilled_at).total_seconds(), spec.drill.max_age_s
    proven = "proven" if age_s <= limit_s else "unproven"
    return f"{proven}: the last good drill was {span(age_s)} ago, limit {span(limit_s)}"
