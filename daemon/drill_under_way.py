"""One drill under way: what it asks for, as a schedule and the guard itself would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from config.schema import Config, DrillSpec, GuardSpec, InjectedFault
from daemon.drill import Rehearsal, take
from daemon.drill_report import Asked
from daemon.guard.messages import RunProbe
from probes.model import Purpose, Run

#: Asks for a run with planted faults, and for its control's, at a location; returns its id.
Walk = Callable[[RunProbe, str, tuple[InjectedFault, ...]], str]


@dataclass
class UnderWay:
    """One drill, until its report is kept.

    `purposes`: what each run asked for is to be judged as, by its pair's id. `later`: runs asked
    for, but not yet due. `waited_for`: those that have not come in. `walked_at`: when each probe
    was last walked in turn.
    """

    asked: Asked
    drill: DrillSpec
    rehearsal: Rehearsal
    purposes: dict[str, Purpose] = field(default_factory=dict)
    later: list[RunProbe] = field(default_factory=list)
    walked_at: dict[str, datetime] = field(default_factory=dict)
    waited_for: set[str] = field(default_factory=set)

    def asked_for(self, run: Run) -> bool:
        """True where the run, or the pair that it belongs to, is this drill's."""
        return _key(run) in self.purposes

    def came_in(self, run: Run, now: datetime) -> None:
        """Fold a run that was asked for."""
        key = _key(run)
        self.waited_for.discard(key)
        judged_as = self.purposes[key] if run.id == key else Purpose.CONTROL
        self.rehearsal, orders = take(self.rehearsal, run, judged_as, now)
        self.later += orders

    def ask_for_runs(self, config: Config, walk: Walk, now: datetime) -> None:
        """Ask for the runs that are due by now."""
        due = [each for each in self.later if (each.not_before or now) <= now]
        self.later = [each for each in self.later if each not in due]
        if not due:
            turns = self._next_in_turn(config, now)
            due = [RunProbe(probe, Purpose.SCHEDULED) for probe in turns]
        for order in due:
            self._dispatch(config, walk, order)

    def _next_in_turn(self, config: Config, now: datetime) -> list[str]:
        """Name the probes that a schedule would run now, had their fault been real.

        None while runs are under way: the workers are the real guard's too, and what it must see
        would wait behind ours.
        """
        if self.waited_for or self.later:
            return []
        due: list[str] = []
        for probe in watched(config, self.rehearsal.spec):
            spec, last = config.probes[probe], self.walked_at.get(probe)
            interval_s = spec.interval_s or self.drill.within_s
            pace_s = self.rehearsal.pace_s(interval_s, spec.fast_interval_s, probe)
            if last is None or now >= last + timedelta(seconds=pace_s):
                self.walked_at[probe] = now
                due.append(probe)
        return due

    def _dispatch(self, config: Config, walk: Walk, order: RunProbe) -> None:
        probes, faults = config.probes, self.drill.faults
        if probes[order.probe].kind != "journey":
            # Faults are planted into browsers only: what has none goes beside a journey.
            beside = order.probe if order.purpose is Purpose.CONTROL else order.control
            order = replace(
                order,
                probe=watched(config, self.rehearsal.spec)[0],
                purpose=Purpose.CONFIRM,
                control=beside,
            )
        for location in probes[order.where or order.probe].locations:
            run = walk(order, location, faults)
            self.purposes[run] = order.purpose
            self.waited_for.add(run)


def watched(config: Config, spec: GuardSpec) -> tuple[str, ...]:
    """Name the guard's probes that have a browser to plant faults into."""
    return tuple(name for name in spec.probes if config.probes[name].kind == "journey")


def plan_of(config: Config, guard: str) -> object:
    """Return everything of a configuration that a drill of this guard goes by."""
    spec = config.guards.get(guard)
    if spec is None:
        return None
    probes = tuple(config.probes[name] for name in (*spec.probes, spec.control))
    # A drill rehearses enforce mode whatever the guard is in: an operator's change ends none.
    spec = spec.model_copy(update={"mode": "enforce"})
    return spec, probes, tuple(config.targets[each.target] for each in probes)


def _key(run: Run) -> str:
    return run.pair or run.id
