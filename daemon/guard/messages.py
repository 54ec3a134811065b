"""PURE: what a guard may be told (evidence), and what it may ask for (decisions)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from daemon.guard.state import Incident
from daemon.verdict import ControlRan, ProofRan, Verdict
from probes.model import Purpose

#: Gate rows: (gate, value).
Rows = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FlipApplied:
    """A flip of this guard's was written and read back equal.

    `fallback`: of its fallback flag. `step`: of a ramp; None for the act and for a restore.
    """

    to: bool
    restore: bool
    fallback: bool = False
    step: int | None = None
    kind: Literal["flip_applied"] = "flip_applied"


@dataclass(frozen=True, slots=True)
class FlipFailed:
    """A flip could not be written, or read back different; it stays pending and is tried again."""

    to: bool
    restore: bool
    error: str
    attempts: int
    fallback: bool = False
    step: int | None = None
    kind: Literal["flip_failed"] = "flip_failed"


@dataclass(frozen=True, slots=True)
class FlagSeen:
    """The store's value, read at `read_at`; an unreadable store tells nothing.

    `decided`: an operator's flip through us wrote it, and superseded any older one of the guard's.
    `who` and `what`: the writer, where the store can tell, and the gates before and after.
    """

    value: bool
    read_at: datetime
    decided: bool = False
    who: str = ""
    what: str = ""
    kind: Literal["flag_seen"] = "flag_seen"


@dataclass(frozen=True, slots=True)
class OperatorAsked:
    """An operator's command. `until` belongs to `hold`."""

    verb: Literal["trip", "reset", "hold", "release"]
    by: str
    reason: str
    until: datetime | None = None
    kind: Literal["operator"] = "operator"


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Nothing happened, and it is time for what was due."""

    kind: Literal["time_passed"] = "time_passed"


Evidence = (
    Verdict
    | ControlRan
    | ProofRan
    | FlipApplied
    | FlipFailed
    | FlagSeen
    | OperatorAsked
    | TimePassed
)


@dataclass(frozen=True, slots=True)
class RunProbe:
    """Run a probe now, or at `not_before`. Perishable: a late one is dropped.

    `control`: a probe walked in the same worker, seconds apart; `control_first` says in which
    order. `fresh`: in a browser that was just started. `where`: a probe at whose locations it is
    run; empty: at its own.
    """

    probe: str
    purpose: Purpose
    trace: bool = False
    not_before: datetime | None = None
    control: str = ""
    control_first: bool = False
    fresh: bool = False
    where: str = ""
    kind: Literal["run_probe"] = "run_probe"


@dataclass(frozen=True, slots=True)
class Share:
    """Some of the users: one actor, and a percentage of all actors."""

    actor: str
    percentage: float = 0.0


@dataclass(frozen=True, slots=True)
class Flip:
    """Write the flag. `restore` replays the snapshot taken by this guard's last trip.

    `gates`: write exactly these rows, in place of fully on or off. `share`: in place of them, on
    for some users only, as step `step` of a ramp. `expected`: refuse where the flag has other rows
    than these, because someone was there first. `fallback`: the guard's fallback flag, not the one
    that it acts on. `again`: a trip in the middle of a ramp, whose snapshot is that of the first.
    """

    flag: str
    to: bool
    by: str
    reason: str
    restore: bool = False
    gates: Rows | None = None
    expected: Rows | None = None
    request_id: str = ""
    fallback: bool = False
    share: Share | None = None
    step: int | None = None
    again: bool = False
    kind: Literal["flip"] = "flip"


@dataclass(frozen=True, slots=True)
class SwitchCircuit:
    """Open a circuit and keep it so; or let go of it, so that its own probe judges it again."""

    circuit: str
    open: bool
    reason: str
    kind: Literal["switch_circuit"] = "switch_circuit"


@dataclass(frozen=True, slots=True)
class OpenIncident:
    incident: Incident
    severity: int
    reason: str
    kind: Literal["open_incident"] = "open_incident"


@dataclass(frozen=True, slots=True)
class CloseIncident:
    incident: Incident
    reason: str
    kind: Literal["close_incident"] = "close_incident"


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the timeline."""

    text: str
    kind: Literal["note"] = "note"


@dataclass(frozen=True, slots=True)
class Page:
    """Wake a person: what happened needs one. A line of the timeline too."""

    text: str
    severity: int = 1
    kind: Literal["page"] = "page"


Decision = RunProbe | Flip | SwitchCircuit | OpenIncident | CloseIncident | Note | Page


class GuardRefuses(Exception):
    """An operator's command that makes no sense in this state; the message holds the remedy."""
