"""PURE: what to tell others about an incident, ready to copy. Facts only, 3 to 6 lines each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from daemon.explain.wording import span
from daemon.incidents.clock import ack_due_at
from daemon.incidents.facts import Facts, Trip
from probes.text import bounded

#: Longest text of a target's, or of a person's, in a message.
LONGEST = 200
#: What is said in public of a cause: nothing that a target or a person wrote.
IN_PUBLIC = {
    "widget": "A part of the page did not work and was turned off.",
    "operator": "A part of the page was turned off by hand.",
    "site": "The site does not answer as it should.",
    "powerless": "A part of the page does not work.",
}


@dataclass(frozen=True, slots=True)
class Messages:
    """For the team's channel, and for the public status page. `resolved` None: it is not over."""

    opening: str
    update: str
    resolved: str | None
    status_page: str


def messages(facts: Facts, address: str, now: datetime) -> Messages:
    """Write them.

    Args:
        address: the incident's page.
        now: aware UTC, for how long it has lasted.
    """
    told = facts.record
    return Messages(
        opening="\n".join(_opening(facts, address)),
        update="\n".join(_update(facts, address, now)),
        resolved=None if told.closed_at is None else "\n".join(_resolved(facts, address)),
        status_page="\n".join(_public(facts)),
    )


def quiet(text: str) -> str:
    """Return text in which chat programs find no mention, command or link of the target's."""
    line = bounded(text, LONGEST)
    # Their own notation is <...>, @name and bare addresses; what is left reads the same.
    for mark, instead in (("<", "("), (">", ")"), ("@", "@ "), ("://", ": //")):
        line = line.replace(mark, instead)
    return line


def _opening(facts: Facts, address: str) -> list[str]:
    told = facts.record
    due = ack_due_at(told.severity, told.opened_at)
    taken = f"Acknowledge by {_time(due)}."
    if told.acknowledged_at is not None and told.acknowledged_by is not None:
        taken = f"{quiet(told.acknowledged_by)} acknowledged it at {_time(told.acknowledged_at)}."
    return [
        f"[SEV {told.severity}] {_headline(facts)}",
        f"Why: {quiet(told.reason)}",
        f"Since {_time(facts.began_at)}, opened {_time(told.opened_at)}.",
        taken,
        address,
    ]


def _update(facts: Facts, address: str, now: datetime) -> list[str]:
    told = facts.record
    lasted = span(((told.closed_at or now) - told.opened_at).total_seconds())
    taken = "Nobody acknowledged it." if told.closed_at else "Nobody has acknowledged it yet."
    if told.acknowledged_at is not None and told.acknowledged_by is not None:
        taken = f"{quiet(told.acknowledged_by)} acknowledged it at {_time(told.acknowledged_at)}."
    state = "open for" if told.closed_at is None else "resolved after"
    lines = [
        f"[SEV {told.severity}, update {_time(now)}] {_headline(facts)}",
        f"It is {state} {lasted}. {taken}",
    ]
    if facts.trips:
        lines.append(_rungs(facts.trips[-1]))
    noted = [line for line in facts.timeline if line.by is not None]
    if noted:
        lines.append(f"Last from {quiet(noted[-1].by or '')}: {quiet(noted[-1].text)}")
    return [*lines, address]


def _resolved(facts: Facts, address: str) -> list[str]:
    told = facts.record
    closed_at = told.closed_at or told.opened_at
    lasted = span((closed_at - facts.began_at).total_seconds())
    return [
        f"[SEV {told.severity}, RESOLVED {_time(closed_at)}] {_headline(facts)}",
        f"It lasted {lasted}, from {_time(facts.began_at)}.",
        f"How it ended: {quiet(told.closing or 'not on record')}",
        address,
    ]


def _public(facts: Facts) -> list[str]:
    # Without an address: the public can open none of ours but the status page that it stands on.
    told = facts.record
    what = IN_PUBLIC.get(told.cause, "Something does not work.")
    if told.closed_at is not None:
        return [
            "Resolved",
            f"{what} This is over since {_time(told.closed_at)}.",
            f"It began at {_time(facts.began_at)}.",
        ]
    state = "Identified" if told.acknowledged_at is not None or facts.trips else "Investigating"
    return [state, what, f"Since {_time(facts.began_at)}. We are working on it."]


def _headline(facts: Facts) -> str:
    told = facts.record
    if not facts.trips:
        what = {
            "site": "the site is at fault, its flag stays as it is",
            "powerless": "the widget is broken and its flag does not gate the page",
        }
        return f"{told.guard}: {what.get(told.cause, 'an incident is open')}"
    trip = facts.trips[-1]
    value = "on" if trip.to else "off"
    if facts.restored_at is not None:
        return f"{told.guard}: {trip.flag} was turned {value}, and put back"
    if trip.failed_at is not None and trip.verified_at is None:
        return f"{told.guard}: {trip.flag} was turned {value}, but users may still meet it"
    if trip.written_at is None:
        return f"{told.guard}: turning {trip.flag} {value}, the store has not taken it yet"
    return f"{told.guard}: {trip.flag} was turned {value}"


def _rungs(trip: Trip) -> str:
    start = trip.first_failed_at or trip.decided_at
    rungs = (("decided", trip.decided_at), ("written", trip.written_at))
    told = [f"{name} +{(at - start).total_seconds():.1f} s" for name, at in rungs if at]
    if trip.verified_at is not None:
        told.append(
            f"proven in a fresh browser +{(trip.verified_at - start).total_seconds():.1f} s"
        )
    else:
        told.append("not proven in a fresh browser")
    since = "first failed run" if trip.first_failed_at else "decision"
    return f"Since the {since} ({_time(start)}): {', '.join(told)}."


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
