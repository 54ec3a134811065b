"""Flags, gates and snapshots as frozen values, and this package's errors. Standard library only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

#: Longest words for gates: a flag may name thousands of actors.
MAX_SAID = 500


class FlagState(StrEnum):
    """Ruby Flipper's summary of a feature's gates."""

    ON = "on"
    CONDITIONAL = "conditional"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Gates:
    """A feature's gate rows exactly as the store holds them: (gate key, value), sorted.

    Kept raw, because a restore must give back the very same rows: a boolean as a boolean, "12.5" as
    "12.5".
    """

    rows: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, *rows: tuple[str, str]) -> Gates:
        """Build gates from rows in any order."""
        return cls(tuple(sorted(rows)))

    @classmethod
    def from_json(cls, text: str) -> Gates:
        """Rebuild what `to_json` wrote."""
        return cls.of(*((str(key), str(value)) for key, value in json.loads(text)))

    def to_json(self) -> str:
        """Return the rows as a JSON array of pairs."""
        return json.dumps([list(row) for row in self.rows])

    def __str__(self) -> str:
        """Return one bounded line for people; strangers write values, and may write anything."""
        text = ", ".join(f"{key} {value[:MAX_SAID]}" for key, value in self.rows[:MAX_SAID])
        line = "".join(each if each.isprintable() else " " for each in text)
        return (line if len(line) <= MAX_SAID else f"{line[: MAX_SAID - 1]}…") or "no gate"

    def values(self, key: str) -> tuple[str, ...]:
        """Values of one gate, such as every id of `actors`."""
        return tuple(value for name, value in self.rows if name == key)


@dataclass(frozen=True, slots=True)
class Flag:
    """A feature and its gates. `exposing`: somebody may meet what it gates."""

    name: str
    state: FlagState
    gates: Gates

    @property
    def exposing(self) -> bool:
        """True unless the flag is off for everybody."""
        return self.state is not FlagState.OFF


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A flag's exact gates at one time, for a later restore."""

    flag: str
    gates: Gates
    taken_at: datetime

    def to_json(self) -> str:
        """Return the snapshot as one JSON object."""
        rows = [list(row) for row in self.gates.rows]
        return json.dumps({"flag": self.flag, "gates": rows, "taken_at": self.taken_at.isoformat()})

    @classmethod
    def from_json(cls, text: str) -> Snapshot:
        """Rebuild what `to_json` wrote."""
        raw = json.loads(text)
        gates = Gates.of(*((str(key), str(value)) for key, value in raw["gates"]))
        return cls(raw["flag"], gates, datetime.fromisoformat(raw["taken_at"]))


class FlagError(Exception):
    """Root of this package's errors; the message says what, of which flag, why, and the remedy."""


class UnknownFlag(FlagError):
    """The store has no such flag; nothing was created."""

    def __init__(self, flag: str) -> None:
        super().__init__(
            f"the store has no flag {flag!r}: check the spelling, or create it where the "
            "application declares its flags; Tripflag never creates one"
        )
        self.flag = flag


class StoreUnavailable(FlagError):
    """The store did not answer in time, or refused; a write may or may not have happened."""

    def __init__(self, operation: str, flag: str, cause: BaseException) -> None:
        # The driver's text can hold the connection URL, hence only its kind and first line.
        detail = str(cause).splitlines()[0][:200] if str(cause) else type(cause).__name__
        super().__init__(
            f"cannot {operation} {flag!r}: {type(cause).__name__}: {detail}. "
            "Check that the flag store is up and reachable; a flip that was decided is tried until "
            "it is written"
        )


class ReadBackDiffers(FlagError):
    """The write was acknowledged, but reading it back gave something else."""

    def __init__(self, flag: str, wanted: Gates, found: Gates) -> None:
        super().__init__(
            f"{flag!r} was written but reads back different: wanted {wanted.rows}, found "
            f"{found.rows}. Another writer is at work: find it before trusting this flag"
        )
        self.found = found


class FlagChanged(FlagError):
    """The flag is not what the caller saw: someone was first. Nothing was written."""

    def __init__(self, flag: str, expected: Gates, found: Gates) -> None:
        super().__init__(
            f"{flag!r} was changed by someone else: expected {expected.rows}, found {found.rows}. "
            "Look at it again, and decide anew; nothing was written"
        )
        self.flag = flag
        self.found = found
