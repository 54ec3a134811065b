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
    """A flip of this guard's was written and read back equal."""

    to: bool
    restore: bool
    kind: Literal["flip_applied"] = "flip_applied"


@dataclass(frozen=True, slots=True)
class FlipFailed:
    """A flip could not be written, or read back different; it stays pending and is tried again."""

    to: bool
    restore: bool
    error: str
    attempts: int
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


Evidence = Verdict | ControlRan | ProofRan | FlipApplied | FlipFailed | FlagSeen | OperatorAsked


@dataclass(frozen=True, slots=True)
class RunProbe:
    """Run a probe now, or at `not_before`. Perishable: a late one is dropped."""

    probe: str
    purpose: Purpose
    trace: bool = False
    not_before: datetime | None = None
    kind: Literal["run_probe"] = "run_probe"


@dataclass(frozen=True, slots=True)
class Flip:
    """Write the flag. `restore` replays the snapshot taken by this guard's last trip.

    `gates`: write exactly these rows, in place of fully on or off. `expected`: refuse where the
    flag has other rows than these, because someone was there first.
    """

    flag: str
    to: bool
    by: str
    reason: str
    restore: bool = False
    gates: Rows | None = None
    expected: Rows | None = None
    request_id: str = ""
    kind: Literal["flip"] = "flip"


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


Decision = RunProbe | Flip | OpenIncident | CloseIncident | Note


class GuardRefuses(Exception):
    """An operator's command that makes no sense in this state; the message holds the remedy."""
