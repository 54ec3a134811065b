"""How often chance alone would kill, and how long a real fault goes on, by the shipped rules.

The real rules and the real guard play in virtual time; only the browser's answers are drawn. A kill
by chance is far too rare to wait for: failures are drawn more often than they come, and each story
is weighted by how much likelier that made it (importance sampling).
"""

from __future__ import annotations

import heapq
import random
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from config.load import load
from config.schema import Config, GuardSpec
from daemon.guard import GuardState, advance
from daemon.guard.messages import Decision, Flip, RunProbe
from daemon.rules import judge, judge_control
from probes.model import Exposure, Outcome, Purpose, Run

SHIPPED = Path("config/tripflag.yaml")
GUARD = "representative_status"
#: Probes whose journey calls the widget's API; the signed-out page calls nothing that could fail.
CALLING = ("widget_representative",)
#: Success rate of the real endpoint, from its public monitor.
HEALTHY = 0.97
#: Share of failures that is drawn in a story instead.
DRAWN = 0.55
STORIES = 4_000
OUTAGES = 300
RUN_S = 3.0
YEAR_S = 365.25 * 86_400
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
#: No story goes on for longer; a suspicion that lasts so long is no chance any more.
LONGEST_S = 3_600.0


@dataclass
class Story:
    """One stretch of virtual time: what runs, what fails, what the guard does."""

    config: Config
    guard: GuardSpec
    rng: random.Random
    fails: float
    drawn: float
    weight: float = 1.0
    killed_s: float | None = None
    _state: GuardState = field(default_factory=GuardState.new)
    _runs: list[Run] = field(default_factory=list)
    _due: list[tuple[float, int, RunProbe]] = field(default_factory=list)
    _count: int = 0

    def play(self, first: str | None) -> Story:
        """Play to the kill or until all is quiet; `first` is a probe that has just failed."""
        self._state = replace(self._state, flag_value=True)
        for probe in self.guard.probes:
            interval_s = self.config.probes[probe].interval_s or 60
            self._schedule(probe, self.rng.uniform(0, interval_s))
        if first is not None:
            self._end_run(0.0, RunProbe(first, Purpose.SCHEDULED), failed=True)
        while self._due and self.killed_s is None and self._due[0][0] < LONGEST_S:
            at_s, _, order = heapq.heappop(self._due)
            if order.purpose is Purpose.SCHEDULED:
                self._schedule(order.probe, at_s + self._pace_s(order.probe))
            if self._is_quiet() and first is not None:
                break
            self._end_run(at_s + RUN_S, order, failed=self._draws(order.probe))
        return self

    def _is_quiet(self) -> bool:
        asked = any(order.purpose is not Purpose.SCHEDULED for _, _, order in self._due)
        return self._state.suspicion is None and not self._state.failing and not asked

    def _draws(self, probe: str) -> bool:
        if probe not in CALLING:
            return False
        failed = self.rng.random() < self.drawn
        likely, drawn = (self.fails, self.drawn) if failed else (1 - self.fails, 1 - self.drawn)
        self.weight *= likely / drawn
        return failed

    def _pace_s(self, probe: str) -> float:
        spec = self.config.probes[probe]
        fast = self._state.suspicion is not None or probe in self._state.failing
        return spec.fast_interval_s if fast else spec.interval_s or 60

    def _schedule(self, probe: str, at_s: float) -> None:
        self._ask(at_s, RunProbe(probe, Purpose.SCHEDULED))

    def _ask(self, at_s: float, order: RunProbe) -> None:
        self._count += 1
        heapq.heappush(self._due, (at_s, self._count, order))

    def _end_run(self, ended_s: float, order: RunProbe, *, failed: bool) -> None:
        if order.purpose is Purpose.CONTROL:
            self._end_control(order.probe, ended_s)
            return
        first = bool(order.control) and order.control_first
        if first:
            self._end_control(order.control, ended_s)
            ended_s += RUN_S
        run = self._run(order.probe, order.purpose, ended_s, failed=failed)
        self._runs.append(run)
        self._fold(judge(self.guard, self._runs, run), BEGIN + timedelta(seconds=ended_s))
        if order.control and not first:
            self._end_control(order.control, ended_s + RUN_S)

    def _end_control(self, probe: str, ended_s: float) -> None:
        # The page without the widget is well: it is only the widget's API that fails.
        run = self._run(probe, Purpose.CONTROL, ended_s, failed=False)
        self._fold(judge_control(run), BEGIN + timedelta(seconds=ended_s))

    def _fold(self, told: object, now: datetime) -> None:
        now = max(now, self._state.updated_at or now)
        self._state, decisions = advance(self.guard, self._state, told, now)  # type: ignore[arg-type]
        for decision in decisions:
            self._obey(decision, now)

    def _obey(self, decision: Decision, now: datetime) -> None:
        if isinstance(decision, Flip):
            self.killed_s = (now - BEGIN).total_seconds()
        elif isinstance(decision, RunProbe):
            due = max(now, decision.not_before or now)
            self._ask((due - BEGIN).total_seconds(), decision)

    def _run(self, probe: str, purpose: Purpose, ended_s: float, *, failed: bool) -> Run:
        self._count += 1
        return Run(
            id=str(self._count),
            probe=probe,
            location="local",
            purpose=purpose,
            started_at=BEGIN + timedelta(seconds=ended_s - RUN_S),
            duration_s=RUN_S,
            outcome=Outcome.FAILED if failed else Outcome.PASSED,
            exposure=Exposure(self.guard.flag, True, rendered=purpose is not Purpose.CONTROL),
            hard=failed,
        )


def shipped() -> tuple[Config, GuardSpec]:
    """Load the production example, enforcing."""
    with TemporaryDirectory() as folder:
        for name in ("operator_token", "admin_token"):
            (Path(folder) / name).write_text("x" * 32)
        names = ("STORE_PASSWORD", "VIEWER_TOKEN")
        env = {f"TRIPFLAG_{name}": "x" * 32 for name in names}
        config = load(SHIPPED, {**env, "TRIPFLAG_SECRETS_DIR": folder})
    return config, config.guards[GUARD].model_copy(update={"mode": "enforce"})


def false_kills_a_year(
    config: Config, guard: GuardSpec, healthy: float, stories: int = STORIES
) -> float:
    """Estimate how many kills a year an API that fails by chance brings about."""
    rng = random.Random(4)  # noqa: S311 - a simulation
    fails = 1 - healthy
    total = 0.0
    for _ in range(stories):
        story = Story(config, guard, rng, fails, DRAWN).play(CALLING[0])
        total += story.weight if story.killed_s is not None else 0.0
    runs_a_year = sum(YEAR_S / (config.probes[probe].interval_s or 60) for probe in CALLING)
    return total / stories * runs_a_year * fails


def delays_s(config: Config, guard: GuardSpec, outages: int = OUTAGES) -> Iterator[float]:
    """Yield how long a total failure of the API goes on until the kill is decided."""
    rng = random.Random(5)  # noqa: S311 - a simulation
    for _ in range(outages):
        story = Story(config, guard, rng, 1.0, 1.0).play(None)
        if story.killed_s is not None:
            yield story.killed_s


def show(console: Console) -> None:
    """Print both, for the shipped rules and for bolder and more careful ones."""
    config, guard = shipped()
    table = Table(
        "first breach, then hard runs",
        "false kills a year",
        "one in",
        "delay, median",
        "p95",
        title=f"Kills by chance at a {HEALTHY:.0%} healthy API, and the price in delay",
    )
    first = guard.rules[0]
    for limit, hard in ((1, 1), (2, 1), (3, 1), (3, 2), (3, 3)):
        rule = first.model_copy(update={"limit": limit})
        rules = (rule, *guard.rules[1:])
        changes = {"rules": rules, "hard_confirmations": hard, "confirmations": max(3, hard)}
        bold = guard.model_copy(update=changes)
        rate = false_kills_a_year(config, bold, HEALTHY)
        waits = sorted(delays_s(config, bold))
        p95 = waits[int(len(waits) * 0.95)]
        here = " (shipped)" if (rule, hard) == (first, guard.hard_confirmations) else ""
        table.add_row(
            f"{limit} + {hard}{here}",
            f"{rate:.2g}",
            f"{1 / rate:.2g} years" if rate else "never seen",
            f"{statistics.median(waits):.0f} s",
            f"{p95:.0f} s",
        )
    console.print(table)


if __name__ == "__main__":
    show(Console())
