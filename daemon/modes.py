"""Modes that an operator set while the daemon ran, over what the configuration says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

import structlog
from sqlalchemy import Connection, delete, insert, select

from config.schema import Config, GuardSpec
from daemon.audit import Signed
from daemon.guard import GuardState
from daemon.journal import Journal
from daemon.tables import MODES
from daemon.turn import Turn

log = structlog.get_logger(__name__)

Mode = Literal["observe", "enforce"]
#: `configured`: what the configuration says, again.
Wanted = Literal["observe", "enforce", "configured"]


class ModeRefused(Exception):
    """A mode that is there already; the message holds the remedy."""


@dataclass(frozen=True, slots=True)
class ModeSet:
    """Who set a guard's mode, why and when (aware UTC)."""

    guard: str
    mode: Mode
    by: str
    reason: str
    at: datetime


#: Checks, inside the transaction that writes, that an operator saw what is there; raises if not.
Expect = Callable[[GuardSpec, GuardState], None]


class Modes:
    """Lays what operators set over the configuration. Any thread may call its methods.

    Args:
        config: as in the file.
        load: told of a configuration whose guards may be others, laid over; raises to refuse it.
        take: told of one that differs in modes alone, inside the turn that changes them.
    """

    def __init__(
        self,
        config: Config,
        journal: Journal,
        clock: Callable[[], datetime],
        load: Callable[[Config], None],
        take: Callable[[Config], None],
    ) -> None:
        self._configured = config
        self._journal = journal
        self._clock = clock
        self._load = load
        self._take = take
        self._kept: Mapping[str, ModeSet] = {}
        #: Told of each new configuration in force, for what keeps one of its own.
        self.changed: Callable[[Config], None] = lambda _config: None
        # Taken before the journal's lock, never inside a turn.
        self._changing = threading.Lock()

    def load(self) -> None:
        """Put the configuration into force, with the modes that an earlier daemon kept."""
        self.reload(self._configured)

    def reload(self, config: Config) -> None:
        """Put another configuration into force; the modes that operators set stay.

        Raises:
            JournalError: nothing was changed.
        """
        with self._changing:
            with self._journal.reading() as connection:
                found = kept(connection)
            laid = laid_over(config, found)
            self._load(laid)
            self._configured, self._kept = config, found
            self.changed(laid)

    def set(self, guard: str, wanted: Wanted, signed: Signed, expect: Expect | None = None) -> None:
        """Keep a guard's mode over restarts and reloads, or forget it; sign that.

        Raises:
            KeyError: no such guard.
            ModeRefused: it is in that mode already; nothing was changed.
            JournalError: nothing was changed.
            What `expect` raises: nothing was changed.
        """
        now = self._clock()
        with self._changing:
            before = self._kept
            try:
                with self._journal.turn() as turn:
                    spec, state = self._configured.guards[guard], turn.guard_state(guard)
                    if expect is not None:
                        expect(in_force(spec, before.get(guard)), state)
                    text = change(turn, spec, wanted, signed, now)
                    turn.note(guard, state.incident.id if state.incident else None, now, text)
                    # Inside, so that no turn after this one folds by the old mode.
                    self._kept = kept(turn.db)
                    self._take(laid_over(self._configured, self._kept))
            except BaseException:
                self._kept = before
                self._take(laid_over(self._configured, before))
                raise
            self.changed(laid_over(self._configured, self._kept))
        log.info("mode", guard=guard, note=text)

    def of(self, guard: str) -> ModeSet | None:
        """Return the mode that an operator set; None: the configuration's is in force."""
        return self._kept.get(guard)

    def configured(self, guard: str) -> Mode:
        """Return the mode that the configuration gives a guard, whatever an operator set.

        Raises:
            KeyError: no such guard.
        """
        return self._configured.guards[guard].mode


def kept(db: Connection) -> dict[str, ModeSet]:
    """Return every mode that somebody set, by guard."""
    rows = db.execute(select(MODES)).all()
    return {
        row.guard: ModeSet(row.guard, cast(Mode, row.mode), row.by, row.reason, row.at)
        for row in rows
    }


def laid_over(config: Config, modes: Mapping[str, ModeSet]) -> Config:
    """Return the configuration with these modes in the place of its own."""
    guards = {name: in_force(spec, modes.get(name)) for name, spec in config.guards.items()}
    return config.model_copy(update={"guards": guards})


def in_force(spec: GuardSpec, found: ModeSet | None) -> GuardSpec:
    """Return a guard's specification with the mode that somebody set, if any."""
    if found is None or found.mode == spec.mode:
        return spec
    return spec.model_copy(update={"mode": found.mode})


def change(turn: Turn, spec: GuardSpec, wanted: Wanted, signed: Signed, now: datetime) -> str:
    """Keep or forget a guard's mode as a part of a turn, sign that, and say it in a line.

    Args:
        spec: as configured.

    Raises:
        ModeRefused: nothing would change.
    """
    found = kept(turn.db).get(spec.name)
    before = in_force(spec, found).mode
    if wanted == "configured" and found is None:
        raise ModeRefused(
            f"nobody set the mode of {spec.name}: it is the configuration's already ({spec.mode})"
        )
    if found is not None and found.mode == wanted:
        raise ModeRefused(
            f"{spec.name} is in {wanted} mode already, set by {found.by}: there is nothing to do"
        )
    turn.db.execute(delete(MODES).where(MODES.c.guard == spec.name))
    after: Mode = spec.mode if wanted == "configured" else wanted
    if wanted != "configured":
        values = {"mode": wanted, "at": now, "by": signed.by, "reason": signed.reason}
        turn.db.execute(insert(MODES).values(guard=spec.name, **values))
    turn.sign(signed, "mode", f"guard {spec.name}", now, before=before, after=after)
    whose = "as configured, " if wanted == "configured" else ""
    return f"mode {after}, {whose}by {signed.by} (was {before}): {signed.reason}"
