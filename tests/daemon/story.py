"""A guard's story: tell it what happens, look at its phase and at what it asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar

from daemon.guard import Decision, Evidence, GuardState, Phase, advance, blockers, is_due, phase
from daemon.guard.messages import (
    FlagSeen,
    Flip,
    FlipApplied,
    FlipFailed,
    Note,
    OperatorAsked,
    Page,
    RunProbe,
    TimePassed,
)
from daemon.rules import judge
from daemon.verdict import ControlFinding, ControlRan, ProofRan
from probes.model import Outcome, Purpose, Run
from tests.daemon.build import T0, guard, run

D = TypeVar("D", bound=Decision)


class Story:
    """Each telling takes one second, and starts its run at the second before it."""

    def __init__(self, *rules: dict[str, Any], **changes: Any) -> None:
        self.spec = guard(*rules, **changes)
        self.state = GuardState.new()
        self.now: datetime = T0
        self.runs: list[Run] = []
        self.last: tuple[Decision, ...] = ()
        self.ever: list[Decision] = []

    # --- when -------------------------------------------------------------------------------

    def tell(self, evidence: Evidence) -> Story:
        """Fold one piece of evidence at the present second."""
        self.state, self.last = advance(self.spec, self.state, evidence, self.now)
        self.ever += self.last
        return self

    def wait(self, seconds: float) -> Story:
        self.now += timedelta(seconds=seconds)
        return self

    def runs_in(self, pattern: str, **same: Any) -> Story:
        """Runs come in: F failed, P passed, D degraded, E error, S skipped."""
        named = {outcome.name[0]: outcome for outcome in Outcome}
        for letter in pattern:
            self.take(run(named[letter], (self.now - T0).total_seconds(), **same))
        return self

    def take(self, one: Run) -> Story:
        """One run comes in, a second from now."""
        self.wait(1)
        since = self.state.counts_since
        self.runs = [r for r in self.runs if since is None or r.started_at >= since]
        verdict = judge(self.spec, self.runs, one)
        self.runs.append(one)
        return self.tell(verdict)

    def fails(self, times: int = 1, **same: Any) -> Story:
        return self.runs_in("F" * times, **same)

    def passes(self, times: int = 1, **same: Any) -> Story:
        return self.runs_in("P" * times, **same)

    def control(
        self, finding: str, *, started_s_ago: float = 1, run_id: str = "", location: str = ""
    ) -> Story:
        """A control comes in from where the latest run did: passes, fails, powerless, unknown."""
        self.wait(1)
        started = self.now - timedelta(seconds=started_s_ago)
        name = run_id or f"control-{self.now.isoformat()}"
        reason = "seen by the control"
        location = location or (self.runs[-1].location if self.runs else "local")
        return self.tell(ControlRan(ControlFinding(finding), name, started, reason, location))

    def proof(self, proven: bool, *, started_s_ago: float = 0.5, run_id: str = "") -> Story:
        self.wait(1)
        started = self.now - timedelta(seconds=started_s_ago)
        return self.tell(
            ProofRan(proven, run_id or f"proof-{self.now.isoformat()}", started, "still there")
        )

    def written(self, to: bool | None = None, *, restore: bool = False) -> Story:
        """The store acknowledged the last flip."""
        value = (self.spec.acts_to is not restore) if to is None else to
        return self.wait(1).tell(FlipApplied(value, restore))

    def write_fails(self, *, restore: bool = False, attempts: int = 1) -> Story:
        value = self.spec.acts_to is not restore
        return self.wait(1).tell(FlipFailed(value, restore, "no store", attempts))

    def fallback_written(self, *, restore: bool = False) -> Story:
        return self.wait(1).tell(FlipApplied(not restore, restore, fallback=True))

    def fallback_fails(self, *, restore: bool = False, attempts: int = 1) -> Story:
        return self.wait(1).tell(
            FlipFailed(not restore, restore, "no store", attempts, fallback=True)
        )

    def step_written(self, step: int | None = None) -> Story:
        """The store acknowledged the ramp's step that was decided last."""
        last = self.flips[-1].step if step is None else step
        return self.wait(1).tell(FlipApplied(not self.spec.acts_to, False, step=last))

    def flag_is(
        self, value: bool, *, decided: bool = False, read_s_ago: float = 0, what: str = ""
    ) -> Story:
        """The store is read."""
        self.wait(1)
        read_at = self.now - timedelta(seconds=read_s_ago)
        return self.tell(FlagSeen(value, read_at, decided, what=what))

    def time_passes(self, seconds: float) -> Story:
        """Nothing happens for so long; then the guard is told, if it wants to be."""
        self.wait(seconds)
        self.last = ()
        return self.tell(TimePassed()) if is_due(self.spec, self.state, self.now) else self

    def operator(self, verb: Any, reason: str = "because", until_s: float | None = None) -> Story:
        self.wait(1)
        until = None if until_s is None else self.now + timedelta(seconds=until_s)
        return self.tell(OperatorAsked(verb, "ann", reason, until))

    # --- given ------------------------------------------------------------------------------

    def suspect(self) -> Story:
        """A guard of limit 1 that has just met its first failure."""
        return self.fails()

    def killing(self) -> Story:
        return self.suspect().control("passes").fails(self.spec.confirmations)

    def killed(self) -> Story:
        return self.killing().written().proof(True)

    # --- then -------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        return phase(self.spec, self.state, self.now)

    @property
    def blockers(self) -> tuple[str, ...]:
        return blockers(self.spec, self.state, self.now)

    def asked(self, kind: type[D]) -> list[D]:
        """What the last telling asked for, of this kind."""
        return [decision for decision in self.last if isinstance(decision, kind)]

    def ever_asked(self, kind: type[D]) -> list[D]:
        return [decision for decision in self.ever if isinstance(decision, kind)]

    @property
    def notes(self) -> str:
        return "\n".join(note.text for note in self.ever_asked(Note))

    @property
    def pages(self) -> list[str]:
        return [page.text for page in self.ever_asked(Page)]

    @property
    def said(self) -> str:
        """Every line of the timeline."""
        return "\n".join(d.text for d in self.ever if isinstance(d, Note | Page))

    @property
    def flips(self) -> list[Flip]:
        return self.ever_asked(Flip)

    def runs_asked(self) -> list[tuple[str, Purpose, float]]:
        """Runs that the last telling asked for: probe, purpose, seconds from now."""
        return [
            (
                order.probe,
                order.purpose,
                0.0 if order.not_before is None else (order.not_before - self.now).total_seconds(),
            )
            for order in self.asked(RunProbe)
        ]


def tell_runs(story: Story, pattern: str, **same: Any) -> Story:
    """Let runs come in: H failed hard, F failed, P passed."""
    for letter in pattern:
        story.runs_in("F" if letter == "H" else letter, hard=letter == "H", **same)
    return story
