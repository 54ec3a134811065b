"""PURE: a circuit, the named switch that applications read, and what moves it.

Closed: go on. Open: go round it, use the fallback. Half-open: its own probe tries it again, while
applications still go round.

Source: share, minimum and `>=` after Resilience4j's time-based window; while half-open, one failure
opens anew and passes in a row close, after pybreaker. Unlike both, no user's call is ever the
trial: the probe is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from config.schema import CircuitSpec
from probes.model import Outcome, Run

#: Longest text kept of a reason; guards' reasons may quote a target.
LONGEST = 500
#: Runs kept at most, so that a long window cannot make the state large; more if `min_runs` is.
COUNTED_LIMIT = 500


class CircuitPhase(StrEnum):
    """What a circuit is now; derived, never stored."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"

    @property
    def go_round(self) -> bool:
        """True where applications use the fallback: until the probe has shown that all is well."""
        return self is not CircuitPhase.CLOSED


@dataclass(frozen=True, slots=True)
class Counted:
    """A run that counted since the last change."""

    run: str
    started_at: datetime
    failed: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """Who opens or lets go, why, and when (aware UTC); `guard`: a guard does, not a person."""

    by: str
    guard: bool
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CircuitState:
    """Facts about one circuit; `phase` derives the label.

    `opened_at`: None while closed. `tried_at`: half-open since then. `closed_at`: of the last
    closing. `why`: what made the last change. `kept_by`: who keeps it open: guards, and at most
    one person. `counted`: runs since the last change, in the order in which they came. `openings`:
    ever.
    """

    opened_at: datetime | None = None
    tried_at: datetime | None = None
    closed_at: datetime | None = None
    why: str = ""
    kept_by: tuple[Asked, ...] = ()
    counted: tuple[Counted, ...] = ()
    openings: int = 0

    @property
    def since(self) -> datetime | None:
        """When the last change was; None: there was none."""
        return self.tried_at or self.opened_at or self.closed_at

    @property
    def _label(self) -> CircuitPhase:
        if self.opened_at is None:
            return CircuitPhase.CLOSED
        return CircuitPhase.OPEN if self.tried_at is None else CircuitPhase.HALF_OPEN


@dataclass(frozen=True, slots=True)
class Change:
    """One change and why; `asked` None: its own probe or time made it."""

    before: CircuitPhase
    after: CircuitPhase
    text: str
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """What the probe's counted runs say; `share` is None where none counted."""

    runs: int
    failed: int

    @property
    def share(self) -> float | None:
        return self.failed / self.runs if self.runs else None


class CircuitRefuses(Exception):
    """A person's command that makes no sense now; the message holds the remedy."""


Next = tuple[CircuitState, tuple[Change, ...]]


def phase(spec: CircuitSpec, state: CircuitState, now: datetime) -> CircuitPhase:
    """Derive what the circuit is at `now`."""
    return pass_time(spec, state, now)[0]._label


def next_change_at(spec: CircuitSpec, state: CircuitState) -> datetime | None:
    """When an open circuit becomes half-open by itself; None where time alone changes nothing."""
    if state.opened_at is None or state.tried_at is not None or state.kept_by:
        return None
    return state.opened_at + timedelta(seconds=spec.timeout_s)


def observed(spec: CircuitSpec, state: CircuitState, now: datetime) -> Observed:
    """Count the runs that speak at `now`: of the window, or of the trial while half-open."""
    state, _ = pass_time(spec, state, now)
    trial = state.tried_at is not None
    return _tally(state.counted if trial else _window(spec, state.counted, now))


def pass_time(spec: CircuitSpec, state: CircuitState, now: datetime) -> Next:
    """Make a circuit that was open for `timeout_s` half-open, unless somebody keeps it open.

    Dated by when it was due, so that how often this is called changes nothing.
    """
    if state.since is not None and now < state.since:
        state = _set_back(state, now)
    due = next_change_at(spec, state)
    if due is None or now < due:
        return state, ()
    text = f"half-open: open for {spec.timeout_s:g} s; {_trial(spec)}"
    after = replace(state, tried_at=due, counted=(), why=text)
    return after, (Change(CircuitPhase.OPEN, CircuitPhase.HALF_OPEN, text),)


def take_run(spec: CircuitSpec, state: CircuitState, run: Run, now: datetime) -> Next:
    """Fold one run of the circuit's own probe.

    Nothing changes by runs that do not judge, that started before the last change or the window,
    or that were taken before. While open, runs are counted to be shown, and move nothing.

    Args:
        spec: its limits; `threshold` is reached at `>=`, from `min_runs` on.
        state: what the last call returned.
        run: dated by its start.
        now: aware UTC.
    """
    if run.probe != spec.probe or not run.judges:
        return state, ()
    state, changes = pass_time(spec, state, now)
    early = state.since is not None and run.started_at < state.since
    if early or any(each.run == run.id for each in state.counted):
        return state, changes
    one = Counted(run.id, run.started_at, run.outcome is Outcome.FAILED)
    counted = (*state.counted, one)
    if state.tried_at is None:  # a trial's passes are in a row, however far apart
        # It ends at the newest start, not now: a run that took long to fail counts too. But a
        # clock of a worker's that is ahead must not push everybody else's runs out.
        newest = max(each.started_at for each in counted)
        counted = _window(spec, counted, min(newest, now))
    if one not in counted:
        return state, changes
    after, change = _judge(spec, replace(state, counted=counted), run, now)
    return after, changes if change is None else (*changes, change)


def keep_open(spec: CircuitSpec, state: CircuitState, asked: Asked) -> Next:
    """Open the circuit, and keep it open until `let_go`; a guard that asks twice changes nothing.

    Raises:
        CircuitRefuses: a person gave no reason, or a person keeps it open already.
    """
    state, changes = pass_time(spec, state, asked.at)
    asked = _checked(asked)
    ours = [each for each in state.kept_by if _same_hand(each, asked)]
    if ours and not asked.guard:
        raise CircuitRefuses(f"{ours[0].by} keeps {spec.name} open already: there is nothing to do")
    if ours:
        return state, changes
    text = f"open: kept so by {asked.by} until let go: {asked.reason}"
    kept = replace(state, kept_by=(*state.kept_by, asked))
    if state._label is CircuitPhase.OPEN:
        change = Change(CircuitPhase.OPEN, CircuitPhase.OPEN, text, asked)
        return replace(kept, why=text), (*changes, change)
    after, change = _open(kept, text, asked.at)
    return after, (*changes, replace(change, asked=asked))


def let_go(spec: CircuitSpec, state: CircuitState, asked: Asked) -> Next:
    """Stop keeping the circuit open: half-open, so that its own probe judges it again.

    A guard lets go of what it keeps itself. A person lets go for everybody, and need not wait for
    the time-out of a circuit that nobody keeps open.

    Raises:
        CircuitRefuses: a person gave no reason, or it is not open.
    """
    state, changes = pass_time(spec, state, asked.at)
    asked = _checked(asked)
    kept = tuple(e for e in state.kept_by if asked.guard and not _same_hand(e, asked))
    if asked.guard and kept == state.kept_by:
        return state, changes  # a person let go before
    if state._label is CircuitPhase.CLOSED:
        raise CircuitRefuses(f"{spec.name} is closed: there is nothing to let go")
    if state._label is CircuitPhase.HALF_OPEN:
        raise CircuitRefuses(f"{spec.name} is half-open already: {_trial(spec)}")
    if kept:
        text = f"open: let go by {asked.by}, still kept so by {', '.join(e.by for e in kept)}"
        change = Change(CircuitPhase.OPEN, CircuitPhase.OPEN, text, asked)
        return replace(state, kept_by=kept, why=text), (*changes, change)
    text = f"half-open: let go by {asked.by}: {asked.reason}; {_trial(spec)}"
    after = replace(state, kept_by=(), tried_at=asked.at, counted=(), why=text)
    return after, (*changes, Change(CircuitPhase.OPEN, CircuitPhase.HALF_OPEN, text, asked))


def _judge(
    spec: CircuitSpec, state: CircuitState, run: Run, now: datetime
) -> tuple[CircuitState, Change | None]:
    seen = _tally(state.counted)
    said = f" (the last: {_line(run.reason)[:200]})" if seen.failed and run.reason else ""
    match state._label:
        case CircuitPhase.CLOSED if _reached(spec, seen):
            share, of = seen.failed / seen.runs, f"{seen.failed} of {seen.runs} runs"
            text = (
                f"open: {of} of {spec.probe} failed in {spec.window_s:g} s, "
                f"{share:.0%} with a limit of {spec.threshold:.0%}{said}"
            )
            return _open(state, text, now)
        case CircuitPhase.HALF_OPEN if seen.failed:
            return _open(state, f"open: {spec.probe} failed when it was tried again{said}", now)
        case CircuitPhase.HALF_OPEN if seen.runs >= spec.close_passes:
            text = f"closed: {seen.runs} runs of {spec.probe} passed in a row"
            after = replace(
                state, opened_at=None, tried_at=None, closed_at=now, counted=(), why=text
            )
            return after, Change(CircuitPhase.HALF_OPEN, CircuitPhase.CLOSED, text)
        case _:
            return state, None


def _open(state: CircuitState, text: str, now: datetime) -> tuple[CircuitState, Change]:
    after = replace(
        state, opened_at=now, tried_at=None, counted=(), why=text, openings=state.openings + 1
    )
    return after, Change(state._label, CircuitPhase.OPEN, text)


def _reached(spec: CircuitSpec, seen: Observed) -> bool:
    return seen.runs >= spec.min_runs and seen.failed / seen.runs >= spec.threshold


def _window(spec: CircuitSpec, counted: tuple[Counted, ...], end: datetime) -> tuple[Counted, ...]:
    oldest = end - timedelta(seconds=spec.window_s)
    kept = tuple(each for each in counted if each.started_at >= oldest)
    return kept[-max(COUNTED_LIMIT, spec.min_runs) :]


def _tally(counted: tuple[Counted, ...]) -> Observed:
    return Observed(len(counted), sum(each.failed for each in counted))


def _set_back(state: CircuitState, now: datetime) -> CircuitState:
    # The wall clock was set back: without this, a circuit would stay as it is until it caught up.
    opened, tried, closed = (
        None if each is None else min(each, now)
        for each in (state.opened_at, state.tried_at, state.closed_at)
    )
    return replace(state, opened_at=opened, tried_at=tried, closed_at=closed, counted=())


def _checked(asked: Asked) -> Asked:
    reason = _line(asked.reason)
    if not reason and not asked.guard:
        raise CircuitRefuses("a reason is required: say in a sentence why")
    return replace(asked, reason=reason)


def _same_hand(one: Asked, other: Asked) -> bool:
    # All people are one hand: whoever is on call takes over from whoever was.
    return one.guard is other.guard and (not one.guard or one.by == other.by)


def _trial(spec: CircuitSpec) -> str:
    return f"{spec.close_passes} passing in a row of {spec.probe} close it, one failure opens it"


def _line(text: str) -> str:
    # It is printed on terminals: no line breaks, escapes or direction changes of a target's.
    return "".join(each if each.isprintable() else " " for each in text[:LONGEST]).strip()
