"""The one sentence at the top: for somebody who has ten seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daemon.guard import Phase
from daemon.web.views.guard import GuardView
from daemon.web.wording import URGENCY, of, phase_word, tone

#: Phases in which nothing is for a person to look at.
QUIET = (Phase.ARMED, Phase.OBSERVE)


@dataclass(frozen=True, slots=True)
class Headline:
    """`word`: the worst phase, for the title of the tab; empty where all is quiet."""

    tone: str
    text: str
    more: str
    word: str


def headline(guards: Sequence[GuardView], problems: Mapping[str, str], alive: bool) -> Headline:
    """Say what a person must know first, and how the rest is."""
    loud = [each for each in guards if each.phase not in QUIET]
    loud.sort(key=lambda each: URGENCY.index(each.phase))
    quiet = _quiet([each for each in guards if each.phase in QUIET])
    if not alive:
        return Headline("alarm", "The daemon is stuck: nothing here is watched.", "", "STUCK")
    if loud:
        worst = loud[0]
        others = [f"{each.name} is {phase_word(each.phase)}" for each in loud[1:]]
        return Headline(
            tone(worst.phase),
            f"{worst.name} is {phase_word(worst.phase)}.",
            " ".join([worst.says, _end([*others, *quiet])]).strip(),
            phase_word(worst.phase),
        )
    if problems:
        names = ", ".join(problems)
        return Headline("warn", f"Not all is well: {names}.", _end(quiet), "NOT READY")
    if not guards:
        return Headline("note", "No guard is configured: nothing is watched.", "", "")
    if not any(each.phase is Phase.ARMED for each in guards):
        return Headline("note", "All is well, but nothing would be killed.", _end(quiet), "")
    return Headline("calm", "All is well.", _end(quiet), "")


def _quiet(guards: Sequence[GuardView]) -> list[str]:
    armed = sum(each.phase is Phase.ARMED for each in guards)
    observing = len(guards) - armed
    said = [f"{of(armed, 'guard')} armed"] if armed else []
    return [*said, f"{of(observing, 'guard')} only observing"] if observing else said


def _end(sentences: list[str]) -> str:
    return ". ".join(sentences) + "." if sentences else ""
