"""What everybody may know of a guard: working, being looked at, or off; and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from daemon import history
from daemon.engine import utc_now
from daemon.guard import GuardState, Phase, phase
from daemon.history import IncidentRecord
from daemon.incidents.messages import IN_PUBLIC
from daemon.web.desk import Desk

#: Phases in which users have what they should, as far as anybody knows; all others are looked at.
_WORKING = frozenset({Phase.ARMED, Phase.OBSERVE, Phase.HELD, Phase.HUMAN_ON})
#: Ended incidents that are shown; open ones that are.
ENDED, OPEN = 10, 50

Word = Literal["Working", "Being looked at", "Turned off while we mend it"]


@dataclass(frozen=True, slots=True)
class Standing:
    """`since` None: nothing on record says. `what`: the guard's name, as words."""

    what: str
    word: Word
    tone: Literal["calm", "watch", "acted"]
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Notice:
    """An incident without what a target or a person wrote. `ended_at` None: it is open."""

    what: str
    says: str
    began_at: datetime
    ended_at: datetime | None


def standings(desk: Desk) -> tuple[Standing, ...]:
    """Say it of every guard of the configuration whose state is loaded."""
    found = history.incidents(desk.journal, is_open=True, limit=OPEN)
    opened = {each.guard: each for each in found}
    return tuple(
        _standing(desk, name, state, opened.get(name))
        for name in desk.config.guards
        if (state := _state(desk, name)) is not None
    )


def notices(desk: Desk) -> tuple[tuple[Notice, ...], tuple[Notice, ...]]:
    """Return the open incidents and the last that ended, newest first."""
    opened = history.incidents(desk.journal, is_open=True, limit=OPEN)
    ended = history.incidents(desk.journal, is_open=False, limit=ENDED)
    return tuple(_notice(each) for each in opened), tuple(_notice(each) for each in ended)


def _standing(
    desk: Desk, name: str, state: GuardState, incident: IncidentRecord | None
) -> Standing:
    spec, kill, human = desk.config.guards[name], state.kill, state.human
    if kill is not None and kill.written_at is not None and kill.failed_at is None:
        return Standing(_words(name), "Turned off while we mend it", "acted", kill.written_at)
    if kill is None and human is not None and state.human_off(spec):
        return Standing(_words(name), "Turned off while we mend it", "acted", human.since)
    if incident is None and kill is None and phase(spec, state, utc_now()) in _WORKING:
        last = history.incidents(desk.journal, guard=name, is_open=False, limit=1)
        since = last[0].closed_at if last else None
        return Standing(_words(name), "Working", "calm", since)
    since = incident.opened_at if incident is not None else None
    if since is None and state.suspicion is not None:
        since = state.suspicion.since
    return Standing(_words(name), "Being looked at", "watch", since)


def _state(desk: Desk, name: str) -> GuardState | None:
    try:
        return desk.engine.state(name)
    except KeyError:  # a reload is bringing it in
        return None


def _notice(told: IncidentRecord) -> Notice:
    says = IN_PUBLIC.get(told.cause, "Something does not work.")
    return Notice(_words(told.guard), says, told.opened_at, told.closed_at)


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").capitalize()
