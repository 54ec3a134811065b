"""A small world in virtual time: faults come and go, a guard judges and its orders are obeyed.

Pure and seeded: the rules and the guard are the real ones, the pages, pools and store are this
file's. Nothing here knows what the guard should do.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import count
from random import Random
from typing import Any

from config.schema import GuardSpec
from daemon.guard import Decision, Evidence, GuardState, Phase, advance, is_due, phase
from daemon.guard.messages import (
    FlagSeen,
    Flip,
    FlipApplied,
    FlipFailed,
    OperatorAsked,
    RunProbe,
    TimePassed,
)
from daemon.rules import judge, judge_control, judge_proof
from probes.model import Exposure, Outcome, Purpose, Run
from tests.daemon.build import FLAG, T0, at, guard

RULES = (
    {"rule": "consecutive_failures", "limit": 3},
    {"rule": "failure_ratio", "limit": 0.5, "window_s": 120, "min_runs": 10},
)
#: No rule looks back any further.
WINDOW = timedelta(seconds=120)
#: A run that was asked for and did not start for so long is dropped, as the daemon does.
PERISHED_S = 30.0
WRITE_S = 0.2


class Kind(StrEnum):
    """What can go wrong, and what people do."""

    WIDGET_HARD = "widget_hard"
    WIDGET_SOFT = "widget_soft"
    API = "api"
    SITE = "site"
    PROBE = "probe"
    TOGGLES = "toggles"
    BUSINESS = "business"
    POWERLESS = "powerless"
    STORE = "store"
    FLAG_OFF = "flag_off"
    HOLD = "hold"


@dataclass(frozen=True)
class Fault:
    """One fault of the timeline, from `start_s` up to `end_s`; `chance` is of a call of the API.

    `where`: met at this location alone; empty: at all.
    """

    kind: Kind
    start_s: float
    end_s: float = 1e9
    chance: float = 1.0
    where: str = ""


@dataclass(frozen=True)
class Kill:
    """A decided act: when, and by whom."""

    at_s: float
    by: str
    again: bool


class World:
    """One guard, its pools and its store, under a timeline of faults."""

    def __init__(
        self,
        faults: list[Fault],
        *,
        seed: int = 0,
        locations: str = "a",
        interval_s: float = 5,
        workers: int = 2,
        **changes: Any,
    ) -> None:
        self.faults = faults
        self.chance = Random(seed)  # noqa: S311 - repeatable, not secret
        self.locations = locations
        self.interval_s = interval_s
        self.spec: GuardSpec = guard(*RULES, **changes)
        self.state = GuardState.new()
        self.told: list[tuple[datetime, Evidence]] = []
        self.flag = True
        self.runs: list[Run] = []
        self.kills: list[Kill] = []
        #: Phases, looked at twice a second.
        self.history: list[tuple[float, Phase]] = []
        #: Runs asked for and not yet in, at their most; and how many were ever asked for.
        self.most_waiting = 0
        self.orders = 0
        self._free = dict.fromkeys(locations, workers)
        self._queues: dict[str, deque[RunProbe]] = {each: deque() for each in locations}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()
        self._newest: dict[str, int] = {}
        self.now_s = 0.0
        for n, location in enumerate(locations):
            self._at(n * 0.7 + self.chance.random(), partial(self._tick, location))
        self._at(0.5, self._chores)
        for fault in faults:
            if fault.kind is Kind.HOLD:
                self._at(fault.start_s, partial(self._hold, fault.end_s))
            if fault.kind is Kind.FLAG_OFF:
                self._at(fault.start_s, lambda: self._person(False))
                self._at(fault.end_s, lambda: self._person(True))

    def live(self, seconds: float) -> World:
        """Let so much time go by."""
        end = self.now_s + seconds
        while self._events and self._events[0][0] <= end:
            self.now_s, _, happen = heapq.heappop(self._events)
            happen()
        self.now_s = end
        return self

    @property
    def phases(self) -> set[Phase]:
        """Every phase that was seen."""
        return {label for _, label in self.history}

    @property
    def guards_kills(self) -> list[float]:
        """When the guard itself decided to act, in seconds."""
        return [kill.at_s for kill in self.kills if kill.by == "guard"]

    # --- the clockwork ----------------------------------------------------------------------

    def _at(self, at_s: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (max(at_s, self.now_s), next(self._number), happen))

    def _on(self, kind: Kind, location: str = "") -> bool:
        return any(
            fault.kind is kind and self._is_on(fault) and fault.where in ("", location)
            for fault in self.faults
        )

    def _is_on(self, fault: Fault) -> bool:
        return fault.start_s <= self.now_s < fault.end_s

    def _tick(self, location: str) -> None:
        self._at(self.now_s + self.interval_s, lambda: self._tick(location))
        self._submit(location, RunProbe("widget", Purpose.SCHEDULED))

    def _chores(self) -> None:
        self._at(self.now_s + 0.5, self._chores)
        if self.state.flag_value is not self.flag:
            self._tell(FlagSeen(self.flag, at(self.now_s)))
        if is_due(self.spec, self.state, at(self.now_s)):
            self._tell(TimePassed())
        label = phase(self.spec, self.state, at(self.now_s))
        self.history.append((self.now_s, label))

    def _hold(self, until_s: float) -> None:
        if until_s > self.now_s:
            self._tell(OperatorAsked("hold", "ann", "because", at(until_s)))

    def _person(self, value: bool) -> None:
        self.flag = value

    # --- the guard --------------------------------------------------------------------------

    def _tell(self, evidence: Evidence) -> None:
        now = at(self.now_s)
        self.told.append((now, evidence))
        self.state, decisions = advance(self.spec, self.state, evidence, now)
        for decision in decisions:
            self._obey(decision)

    def _obey(self, decision: Decision) -> None:
        if isinstance(decision, RunProbe):
            self.orders += 1
            due = decision.not_before
            due_s = self.now_s if due is None else (due - T0).total_seconds()
            for location in self.locations:
                self._at(due_s, partial(self._submit, location, decision))
        elif isinstance(decision, Flip):
            if not decision.restore and decision.step is None and not decision.fallback:
                self.kills.append(Kill(self.now_s, decision.by, decision.again))
            number = self._newest[decision.flag] = self._newest.get(decision.flag, 0) + 1
            self._at(self.now_s + WRITE_S, lambda: self._write(decision, number, 1))

    def _write(self, flip: Flip, number: int, attempt: int) -> None:
        if self._newest[flip.flag] != number:
            return
        if self._on(Kind.STORE):
            if attempt == 1:
                self._tell(FlipFailed(flip.to, flip.restore, "away", 1, flip.fallback, flip.step))
            self._at(self.now_s + 0.5, lambda: self._write(flip, number, attempt + 1))
            return
        if flip.flag == FLAG:
            self.flag = flip.to
        self._tell(FlipApplied(flip.to, flip.restore, flip.fallback, flip.step))

    # --- the pools --------------------------------------------------------------------------

    def _submit(self, location: str, order: RunProbe) -> None:
        self._queues[location].append(replace(order, not_before=at(self.now_s)))
        waiting = len(self._queues[location])
        self.most_waiting = max(self.most_waiting, waiting)
        self._start(location)

    def _start(self, location: str) -> None:
        queue = self._queues[location]
        while self._free[location] and queue:
            order = queue.popleft()
            due = order.not_before or T0
            if self.now_s - (due - T0).total_seconds() > PERISHED_S:
                continue
            self._free[location] -= 1
            parts = [(order.probe, order.purpose)]
            if order.control:
                parts.append((order.control, Purpose.CONTROL))
                parts = parts[::-1] if order.control_first else parts
            self._walk(location, parts)

    def _walk(
        self, location: str, parts: list[tuple[str, Purpose]], walked: tuple[Run, ...] = ()
    ) -> None:
        """Walk the parts one after the other; the runs are handed over together, at the end."""
        run, took_s = self._run(location, *parts[0])
        runs = (*walked, run)

        def end() -> None:
            if parts[1:]:
                self._walk(location, parts[1:], runs)
                return
            self._free[location] += 1
            self._start(location)
            for each in runs:
                self._came_in(each)

        self._at(self.now_s + took_s, end)

    def _run(self, location: str, probe: str, purpose: Purpose) -> tuple[Run, float]:
        told: bool | None = False if probe == "control" else self.flag
        rendered: bool | None = told
        outcome, hard, took_s = self._page(probe, told is True, location)
        if self._on(Kind.PROBE):
            outcome, told, rendered, took_s = Outcome.ERROR, None, None, 1.0
        elif self._on(Kind.TOGGLES) and probe != "control":
            outcome, told, rendered = Outcome.SKIPPED, None, None
        if probe == "control" and self._on(Kind.POWERLESS) and outcome.judges:
            outcome, rendered = Outcome.FAILED, True
        run = Run(
            id=f"run-{next(self._number)}",
            probe=probe,
            location=location,
            purpose=purpose,
            started_at=at(self.now_s),
            duration_s=took_s,
            outcome=outcome,
            hard=hard and outcome is Outcome.FAILED,
            exposure=Exposure(FLAG, told, rendered),
        )
        return run, took_s + self.chance.random() * 0.2

    def _page(self, probe: str, exposed: bool, location: str) -> tuple[Outcome, bool, float]:
        """What a browser meets that starts now: its outcome, whether it is hard, how long."""
        if self._on(Kind.SITE, location):
            return Outcome.FAILED, True, 1.5
        if probe == "widget" and not exposed:
            return Outcome.SKIPPED, False, 1.0
        if not exposed:
            return Outcome.PASSED, False, 1.0
        if self._on(Kind.BUSINESS):
            return Outcome.SKIPPED, False, 1.0
        if self._on(Kind.WIDGET_HARD):
            return Outcome.FAILED, True, 1.2
        if self._on(Kind.WIDGET_SOFT):
            return Outcome.FAILED, False, 2.5
        odds = [f.chance for f in self.faults if f.kind is Kind.API and self._is_on(f)]
        if any(self.chance.random() < chance for chance in odds):
            return Outcome.FAILED, True, 1.0
        return Outcome.PASSED, False, 1.0

    def _came_in(self, run: Run) -> None:
        if run.purpose is Purpose.CONTROL:
            self._tell(judge_control(run))
        elif run.purpose is Purpose.PROOF:
            self._tell(judge_proof(self.spec, run))
        else:
            since = self.state.counts_since
            oldest = max(since or T0, run.started_at - WINDOW)
            self.runs = [each for each in self.runs if each.started_at >= oldest]
            verdict = judge(self.spec, self.runs, run)
            self.runs.append(run)
            self._tell(verdict)
