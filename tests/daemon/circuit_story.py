"""One circuit's story: runs, time and what people ask, told to the pure core."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from config.schema import CircuitSpec
from daemon.circuit import (
    Asked,
    Change,
    CircuitPhase,
    CircuitState,
    keep_open,
    let_go,
    pass_time,
    phase,
    take_run,
)
from probes.model import Outcome
from tests.daemon.build import T0, run

CLOSED, OPEN, HALF_OPEN = CircuitPhase.CLOSED, CircuitPhase.OPEN, CircuitPhase.HALF_OPEN
LETTERS = {outcome.name[0]: outcome for outcome in Outcome}
JSON = TypeAdapter(CircuitState)


class Story:
    """Each run starts at the present second and comes in a second later."""

    def __init__(self, **changes: Any) -> None:
        self.spec = CircuitSpec(name="api", probe="api", **changes)
        self.state = CircuitState()
        self.now = T0
        self.changes: list[Change] = []

    def told(self, told: tuple[CircuitState, tuple[Change, ...]]) -> Story:
        self.state = told[0]
        self.changes += told[1]
        return self

    def runs(self, pattern: str, **more: Any) -> Story:
        for letter in pattern:
            one = run(LETTERS[letter], (self.now - T0).total_seconds(), probe="api", **more)
            self.wait(1)
            self.told(take_run(self.spec, self.state, one, self.now))
        return self

    def wait(self, seconds: float) -> Story:
        self.now += timedelta(seconds=seconds)
        return self

    def ticks(self) -> Story:
        return self.told(pass_time(self.spec, self.state, self.now))

    def asked(self, by: str, reason: str, guard: bool) -> Asked:
        return Asked(by, guard, reason, self.now)

    def opens(self, by: str = "ann", reason: str = "mending", *, guard: bool = False) -> Story:
        return self.told(keep_open(self.spec, self.state, self.asked(by, reason, guard)))

    def lets_go(self, by: str = "ann", reason: str = "mended", *, guard: bool = False) -> Story:
        return self.told(let_go(self.spec, self.state, self.asked(by, reason, guard)))

    @property
    def phase(self) -> CircuitPhase:
        return phase(self.spec, self.state, self.now)

    @property
    def lines(self) -> list[str]:
        return [change.text for change in self.changes]
