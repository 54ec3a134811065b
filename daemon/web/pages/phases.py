"""The last day of a guard as a picture: which phase it was in, as its own lines tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from config.schema import GuardSpec
from daemon.guard import Phase
from daemon.history import NumberedLine
from daemon.journal import Journal
from daemon.tables import EVIDENCE

WINDOW = timedelta(hours=24)
#: What a line begins with when a guard enters a phase (`daemon.guard` writes them).
BEGINS = (
    ("SUSPECT:", Phase.SUSPECT),
    ("BLIND:", Phase.BLIND),
    ("SITE_DOWN:", Phase.SITE_DOWN),
    ("POWERLESS:", Phase.POWERLESS),
    ("KILL_FAILED:", Phase.KILL_FAILED),
    ("LATCHED:", Phase.LATCHED),
    ("KILLED:", Phase.KILLED),
    ("PROBATION:", Phase.PROBATION),
    ("HELD by", Phase.HELD),
)
#: What a line begins with when a guard is at rest again.
RESTS = ("suspicion cleared", "released by", "reset:", "the ramp came through:", "closed: reset")
#: Phases that are more urgent than a hold: the guard stays in them while it is held.
OVER_A_HOLD = frozenset(
    {
        *(Phase.KILLING, Phase.KILLED_UNVERIFIED, Phase.KILLED, Phase.KILL_FAILED),
        *(Phase.LATCHED, Phase.PROBATION),
    }
)


@dataclass(frozen=True, slots=True)
class Span:
    """A phase from `start` to `end`. `at` and `width`: per mille of the window, for the picture.

    `phase` None: nothing on record tells.
    """

    phase: Phase | None
    start: datetime
    end: datetime
    at: float
    width: float


def told_since(journal: Journal, guard: str) -> datetime | None:
    """Return when a guard was told the first thing that is kept; None: it was told nothing yet."""
    query = select(EVIDENCE.c.at).where(EVIDENCE.c.guard == guard).order_by(EVIDENCE.c.id).limit(1)
    with journal.reading() as db:
        at: datetime | None = db.scalar(query)
    return at


def spans(
    spec: GuardSpec,
    lines: Sequence[NumberedLine],
    label: Phase,
    since: datetime | None,
    now: datetime,
    watched: datetime | None,
) -> tuple[Span, ...]:
    """Cut the last day into phases.

    What ends by the clock alone, such as a hold, leaves no line; only the phase of now is known to
    be so, from `since` on.

    Args:
        lines: newest first; one from before the window tells how it began.
        watched: since when `lines` are all that there are; a guard begins at rest. None: older
            lines were left out.
    """
    rest = Phase.OBSERVE if spec.mode == "observe" else Phase.ARMED
    begin = now - WINDOW
    marks: list[tuple[datetime, Phase | None]] = [(begin, None)]
    if watched is not None:
        first = min([watched, *(line.at for line in lines)])
        marks.append((max(first, begin), rest))
    for line in reversed(lines):
        entered = None if line.by else entered_by(spec, line.text, rest)
        if line.text.startswith(("HELD by", "released by")) and marks[-1][1] in OVER_A_HOLD:
            continue
        if entered is not None and line.at <= now:
            marks.append((max(line.at, begin), entered))
    since = max(since, begin) if since else marks[-1][0]
    marks = [mark for mark in marks if mark[0] < since] + [(since, label)]
    ends = [at for at, _ in marks[1:]] + [now]
    found = [
        _span(phase, start, end, begin)
        for (start, phase), end in zip(marks, ends, strict=True)
        if end > start
    ]
    return _joined(found, begin)


def entered_by(spec: GuardSpec, text: str, rest: Phase) -> Phase | None:
    """Return the phase that a guard's own line tells of; None: it tells of none."""
    text = text.removeprefix("PAGE: ")
    for beginning, phase in BEGINS:
        if text.startswith(beginning):
            return phase
    if text.startswith(RESTS):
        return rest
    if text.startswith(f"{spec.flag} is "):
        value = text.startswith(f"{spec.flag} is on")
        if "read back equal" in text:
            return Phase.KILLED_UNVERIFIED
        if "a person's decision, adopted" in text:
            return Phase.HUMAN_OFF if value is spec.acts_to else Phase.HUMAN_ON
    return None


def _joined(found: Sequence[Span], begin: datetime) -> tuple[Span, ...]:
    joined: list[Span] = []
    for each in found:
        if joined and joined[-1].phase is each.phase:
            each = _span(each.phase, joined.pop().start, each.end, begin)
        joined.append(each)
    return tuple(joined)


def _span(phase: Phase | None, start: datetime, end: datetime, begin: datetime) -> Span:
    whole = WINDOW / 1000
    return Span(phase, start, end, (start - begin) / whole, (end - start) / whole)
