"""What may happen in a scenario; each act is done to a scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from daemon.guard.messages import Rows
from probes.stage.faults import Fault

if TYPE_CHECKING:
    from tests.faults.scene import Scene

WIDGET, ASSESSMENT = "representative_status", "assessment"
WIDGET_FLAG, FALLBACK_FLAG = "representative_status_enabled", "assessment_fallback_enabled"
ON: Rows = (("boolean", "true"),)
OFF: Rows = ()


class Act(Protocol):
    def do(self, scene: Scene) -> None:
        """Let it happen; returns once it has."""


@dataclass(frozen=True, slots=True)
class Break:
    """A fault of the stage comes."""

    fault: Fault
    delay_s: float | None = None

    def do(self, scene: Scene) -> None:
        scene.target.switch(self.fault, on=True, delay_s=self.delay_s)


@dataclass(frozen=True, slots=True)
class Mend:
    """A fault of the stage goes; without a name, all do."""

    fault: Fault | None = None

    def do(self, scene: Scene) -> None:
        if self.fault is None:
            scene.world.mend()
        else:
            scene.target.switch(self.fault, on=False)


@dataclass(frozen=True, slots=True)
class Write:
    """A person writes a flag's gates past the daemon."""

    gates: Rows
    flag: str = WIDGET_FLAG

    def do(self, scene: Scene) -> None:
        scene.target.write(self.flag, self.gates)


@dataclass(frozen=True, slots=True)
class Delete:
    """A person deletes a flag."""

    flag: str = WIDGET_FLAG

    def do(self, scene: Scene) -> None:
        scene.target.delete(self.flag)


@dataclass(frozen=True, slots=True)
class Ask:
    """An operator gives a guard a command; `for_s` belongs to `hold`."""

    verb: Literal["trip", "reset", "hold", "release"]
    guard: str = WIDGET
    for_s: float | None = None

    def do(self, scene: Scene) -> None:
        body = {} if self.for_s is None else {"for_s": self.for_s}
        scene.post(f"guards/{self.guard}/{self.verb}", **body)


@dataclass(frozen=True, slots=True)
class Turn:
    """An operator turns a flag on or off through the daemon."""

    on: bool
    flag: str = WIDGET_FLAG

    def do(self, scene: Scene) -> None:
        scene.post(f"flags/{self.flag}/{'enable' if self.on else 'disable'}")


@dataclass(frozen=True, slots=True)
class Nothing:
    """Only time passes."""

    def do(self, scene: Scene) -> None:
        pass


@dataclass(frozen=True, slots=True)
class KillDaemon:
    """The daemon is killed at once, and everything that it started is left alone."""

    def do(self, scene: Scene) -> None:
        scene.kill_daemon()


@dataclass(frozen=True, slots=True)
class StartDaemon:
    def do(self, scene: Scene) -> None:
        scene.start_daemon()


@dataclass(frozen=True, slots=True)
class StopStage:
    """The target's process is gone: connections are refused."""

    def do(self, scene: Scene) -> None:
        scene.target.stop_stage()


@dataclass(frozen=True, slots=True)
class StartStage:
    def do(self, scene: Scene) -> None:
        scene.target.start_stage()


@dataclass(frozen=True, slots=True)
class StopPrometheus:
    """The server whose numbers a guard goes by is gone."""

    def do(self, scene: Scene) -> None:
        scene.target.stop_prometheus()


@dataclass(frozen=True, slots=True)
class LockStore:
    """Somebody's open transaction keeps every writer from the flags; readers still come in."""

    def do(self, scene: Scene) -> None:
        scene.target.lock_flags()


@dataclass(frozen=True, slots=True)
class UnlockStore:
    def do(self, scene: Scene) -> None:
        scene.target.unlock_flags()


@dataclass(frozen=True, slots=True)
class KillWorkers:
    """Every worker of the pools dies once, whatever it does."""

    def do(self, scene: Scene) -> None:
        scene.kill_workers()


@dataclass(frozen=True, slots=True)
class HarassBrowsers:
    """Chromium dies again and again, as it does where memory is short."""

    def do(self, scene: Scene) -> None:
        scene.harass_browsers()


@dataclass(frozen=True, slots=True)
class FreezeBrowsers:
    """Every Chromium process stops, as on a machine that swaps; new ones do too."""

    def do(self, scene: Scene) -> None:
        scene.harass_browsers(freeze=True)


@dataclass(frozen=True, slots=True)
class SpareBrowsers:
    """Chromium is left alone again."""

    def do(self, scene: Scene) -> None:
        scene.spare_browsers()
