"""PURE: failures that say the same in other words, put together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from probes.model import FailureClass, Outcome
from probes.text import bounded

#: Longest reason that is compared and shown.
MAX_REASON = 200

_URL = re.compile(r"\b[a-z]+://[^\s\"']+", re.IGNORECASE)
# Between letters a single quote is an apostrophe.
_QUOTED = re.compile(
    r"\"[^\"]*\"|\u201c[^\u201d]*\u201d|\u2018[^\u2019]*\u2019|`[^`]*`|(?<!\w)'[^']*'(?!\w)"
)
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_HEX = re.compile(r"\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


@dataclass(frozen=True, slots=True)
class Problem:
    """A run that did not pass, by the least that tells why."""

    run: str
    at: datetime
    outcome: Outcome
    reason: str
    failure: FailureClass | None


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Runs that did not pass for the same reason; `run` is the newest of them, `example` its
    reason as it was.
    """

    reason: str
    outcome: Outcome
    failure: FailureClass | None
    count: int
    first_at: datetime
    last_at: datetime
    run: str
    example: str


def normalised(reason: str) -> str:
    """Return a reason without what differs from run to run: numbers, ids, URLs, quoted text.

    One plain line of at most `MAX_REASON` characters, however long or hostile the text is.
    """
    text = bounded(reason, MAX_REASON)
    for pattern, name in ((_URL, "URL"), (_QUOTED, "“…”"), (_UUID, "ID"), (_HEX, "ID")):
        text = pattern.sub(name, text)
    return _NUMBER.sub("N", text)


def grouped(problems: Iterable[Problem]) -> tuple[ErrorGroup, ...]:
    """Group problems by outcome, failure class and normalised reason; the biggest group first."""
    found: dict[tuple[str, Outcome, FailureClass | None], list[Problem]] = {}
    for each in problems:
        found.setdefault((normalised(each.reason), each.outcome, each.failure), []).append(each)
    groups = [_group(reason, members) for (reason, _, _), members in found.items()]
    return tuple(sorted(groups, key=lambda group: (-group.count, -group.last_at.timestamp())))


def _group(reason: str, members: list[Problem]) -> ErrorGroup:
    ordered = sorted(members, key=lambda each: each.at)
    last = ordered[-1]
    return ErrorGroup(
        reason=reason,
        outcome=last.outcome,
        failure=last.failure,
        count=len(ordered),
        first_at=ordered[0].at,
        last_at=last.at,
        run=last.run,
        example=bounded(last.reason, MAX_REASON),
    )
