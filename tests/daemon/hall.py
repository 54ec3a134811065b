"""A desk's drills, and the pool that walks for them when told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from config.schema import Config, DrillSpec, InjectedFault
from daemon.drill_report import Report
from daemon.drills import Drills
from daemon.guard.messages import RunProbe
from probes.model import Outcome, Purpose
from tests.daemon.desk import GUARD, Desk

FAULT = InjectedFault(url="**/api", status=500)
DRILL = DrillSpec(faults=(FAULT,), max_age_s=3600)
_walks = count(1)
F, P = Outcome.FAILED, Outcome.PASSED


@dataclass
class Walked:
    """A run that a drill asked for."""

    id: str
    order: RunProbe
    location: str
    inject: tuple[InjectedFault, ...]

    @property
    def probe(self) -> str:
        return self.order.probe

    @property
    def control(self) -> str:
        return self.order.control


class Hall:
    """A desk's drills, and the pool that walks for them when told to."""

    def __init__(self, desk: Desk, **drill: Any) -> None:
        self.desk = desk
        self.walked: list[Walked] = []
        self.crons: dict[str, tuple[str, Callable[[], object]]] = {}
        self.config = self.configured(**drill)
        self.open()

    def configured(self, **drill: Any) -> Config:
        spec = self.desk.config.guards[GUARD]
        drilled = spec.model_copy(update={"drill": DRILL.model_copy(update=drill)})
        return self.desk.config.model_copy(update={"guards": {GUARD: drilled}})

    def open(self) -> None:
        self.drills = Drills(
            self.config,
            self.desk.journal,
            self.desk.metrics,
            self.desk.engine.state,
            self._walk,
            self._cron,
            lambda: self.desk.now,
        )
        self.drills.start_crons()

    def _walk(self, order: RunProbe, location: str, inject: tuple[InjectedFault, ...]) -> str:
        walk = Walked(f"walk-{next(_walks)}", order, location, inject)
        self.walked.append(walk)
        return walk.id

    def _cron(self, name: str, expression: str | None, work: Callable[[], object]) -> None:
        if expression is None:
            self.crons.pop(name, None)
        else:
            self.crons[name] = (expression, work)

    # --- when -------------------------------------------------------------------------------

    def start(self) -> str:
        return self.drills.start(GUARD, "ann", "because")

    def come_in(self, outcome: Outcome = F, control: Outcome = P, **more: Any) -> Hall:
        """Everything that was asked for by now is walked, a second each, and comes in."""
        asked, self.walked = self.walked, []
        for each in asked:
            alone = control if each.probe == "control" else outcome
            walks = [(each.id, each.probe, alone)]
            if each.control:
                place = 0 if each.order.control_first else 1
                walks.insert(place, (f"{each.id}-control", each.control, control))
            for name, probe, what in walks:
                one = self.desk.run_now(
                    what,
                    id=name,
                    probe=probe,
                    purpose=Purpose.DRILL,
                    exposed=probe != "control",
                    pair=each.id if each.control else "",
                    **more,
                )
                self.desk.wait()
                assert self.drills.take(one)
        return self

    def tick(self, seconds: float = 0.5) -> Hall:
        self.desk.wait(seconds)
        self.drills.pass_time()
        return self

    def good(self) -> Report:
        """A whole drill that would have killed."""
        drill = self.start()
        for _ in range(10):
            if self.told(drill).ending is None:
                self.come_in().tick()
        return self.told(drill)

    # --- then -------------------------------------------------------------------------------

    def told(self, drill: str) -> Report:
        told = self.drills.report(drill)
        assert told is not None
        return told

    def sample(self, name: str) -> float | None:
        return self.desk.sample(name, guard=GUARD)
