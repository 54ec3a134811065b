"""Flags that others wrote: found by a poll, adopted, and told to their guards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from config.schema import Config
from daemon.guard import Evidence
from daemon.guard.messages import FlagSeen, Flip
from daemon.journal import Journal
from daemon.ledger import Drift, Ledger
from daemon.metrics import Metrics
from daemon.news import About, News
from daemon.states import States
from flags.gates import flag_of
from flags.mirror import Mirror, Reading
from flags.model import FlagError, UnknownFlag
from flags.switch import Switch

log = structlog.get_logger(__name__)


class FlagWatch:
    """Compares the store with what we last knew.

    Args:
        config: returns the configuration in force.
        tell: commits what a guard is told.
        problems: what keeps the daemon from being ready, by part; `store` and `guard NAME` of
            these are ours.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        journal: Journal,
        switch: Switch,
        ledger: Ledger,
        states: States,
        mirror: Mirror,
        metrics: Metrics,
        news: News,
        clock: Callable[[], datetime],
        tell: Callable[[str, Evidence], object],
        problems: dict[str, str],
    ) -> None:
        self._config = config
        self._journal = journal
        self._switch = switch
        self._ledger = ledger
        self._states = states
        self._mirror = mirror
        self._metrics = metrics
        self._news = news
        self._clock = clock
        self._tell = tell
        self._problems = problems

    def poll(self) -> None:
        """Read the store and tell guards about values that they did not write."""
        read_at = self._clock()
        try:
            read, stamp = self._ledger.read()
        except FlagError as cause:
            self._metrics.store_up.set(0)
            if "store" not in self._problems:
                log.warning("flag store unreadable", error=str(cause))
            self._problems["store"] = str(cause)
            self._mirror.lost(str(cause), read_at)
            return
        before = self._mirror.reading
        self._mirror.take(read, read_at)
        self._tell_flags(before)
        self._metrics.after_write_up.set(self._switch.after_write_problem is None)
        self._metrics.store_up.set(1)
        self._problems.pop("store", None)
        flags = {flag.name: flag for flag in read}
        guarded = {spec.flag for spec in self._config().guards.values()}
        compared = self._ledger.adopt(read, stamp, guarded, read_at)
        drifts = {drift.flag.name: drift for drift in compared.drifts}
        for drift in drifts.values():
            self._adopt(drift)
        for name, spec in self._config().guards.items():
            flag = flags.get(spec.flag)
            part = f"guard {name}"
            if flag is None:
                if part not in self._problems:
                    log.error("guarded flag is not in the store", guard=name, flag=spec.flag)
                self._problems[part] = str(UnknownFlag(spec.flag))
                continue
            self._problems.pop(part, None)
            if spec.flag in compared.unsettled:
                continue  # the value may be the one before a write of ours: no decision of anybody
            drifted = drifts.get(spec.flag)
            state = self._states[name]
            # On a ramp any other share than ours is a person's decision, if still on for some.
            overtaken = state.probation is not None and drifted is not None
            if overtaken or state.flag_value is not flag.exposing:
                who, what = (drifted.who, drifted.what) if drifted else ("", "")
                self._tell(name, FlagSeen(flag.exposing, read_at, overtaken, who, what))

    def _tell_flags(self, before: Reading) -> None:
        if before.read_at is None:
            return
        old, new = before.flags, self._mirror.reading.flags
        for name in old.keys() | new.keys():
            if old.get(name) != new.get(name):
                self._news.tell(About.FLAG, name)

    def _adopt(self, drift: Drift) -> None:
        """Say what someone else wrote; repeat our write where theirs only lost it."""
        name = drift.flag.name
        log.warning("flag drifted", flag=name, who=drift.who, what=drift.what)
        self._metrics.drifts.labels(name, "lost_update" if drift.repeat else "adopted").inc()
        if drift.repeat is not None:
            reason = "another writer's update of the flag's metadata had undone our write"
            to = flag_of(name, drift.repeat).exposing
            rows, expected = drift.repeat.rows, drift.flag.gates.rows
            order = Flip(name, to, "guard", reason, False, rows, expected)
            with self._journal.turn() as turn:
                turn.add_order(None, order, self._clock())
            self._states.wake.set()
            return
        text = f"{name} was written past us by {drift.who or 'someone'}: {drift.what}"
        now = self._clock()
        with self._journal.turn() as turn:
            for guard, spec in self._config().guards.items():
                if spec.flag == name:
                    turn.note(guard, None, now, text)
