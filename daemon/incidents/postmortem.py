"""PURE: an incident as a post-mortem in Markdown: what is on record, and headings for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from daemon.explain.wording import span
from daemon.incidents.clock import ack_due_at
from daemon.incidents.facts import Facts, Trip, is_explanation
from daemon.incidents.markdown import block, code
from probes.model import Run

#: What no journal knows. In the order in which a review asks.
QUESTIONS = (
    "What did users meet, and how many of them?",
    "What was the cause behind the cause?",
    "What went well?",
    "Where were we lucky, or slow?",
    "What will we change, who does it, and by when?",
)


def postmortem(facts: Facts, base_url: str, now: datetime) -> str:
    """Write it.

    Every text that a target or a person wrote stands in code, bounded: no renderer finds markup,
    links, images or mentions in it.

    Args:
        base_url: the dashboard's address, without a slash at its end, for links to runs.
        now: end of the span of an open incident; aware UTC.
    """
    return "\n".join(_lines(facts, base_url, now)) + "\n"


def _lines(facts: Facts, base_url: str, now: datetime) -> Iterator[str]:
    told = facts.record
    yield f"# Post-mortem: {code(told.guard)}, {told.opened_at:%Y-%m-%d}"
    yield ""
    yield "All times are UTC. Made from the journal; what it cannot know is asked at the end."
    yield from _section("Summary", _summary(facts, base_url))
    yield from _section("Impact", _impact(facts, now))
    yield from _section("Detection and kill", _detection(facts))
    yield from _section("Timeline", _timeline(facts))
    yield from _section("What the guard saw when it opened the incident", _explanation(facts))
    yield from _section("Runs that counted", _runs(facts, base_url))
    yield from _section("What people did", _people(facts))
    yield from _section("Audit", _audit(facts))
    for question in QUESTIONS:
        yield from _section(question, iter(("_To be filled in._",)))


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    yield from lines


def _summary(facts: Facts, base_url: str) -> Iterator[str]:
    told = facts.record
    yield f"- Incident: {code(told.id)}, <{base_url}/incidents/{told.id}>"
    yield f"- Severity: {told.severity}"
    yield f"- Blamed on: {told.cause}"
    yield f"- Why: {code(told.reason)}"
    flags = sorted({trip.flag for trip in facts.trips})
    yield f"- Flag acted on: {', '.join(code(flag) for flag in flags) or 'none'}"
    ending = "it is open still" if told.closed_at is None else code(told.closing or "not on record")
    yield f"- Ending: {ending}"


def _impact(facts: Facts, now: datetime) -> Iterator[str]:
    told = facts.record
    until = told.closed_at or now
    still = "" if told.closed_at else " (still open)"
    lasted = _span(facts.began_at, until)
    yield f"- From {_time(facts.began_at)} until {_time(until)}{still}: {lasted}"
    for trip in facts.trips:
        if trip.verified_at is None:
            yield "- The kill was never proven: users may have met it until the end."
            continue
        exposed = _span(trip.first_failed_at or trip.decided_at, trip.verified_at)
        yield f"- Users could meet it for {exposed}, until {_time(trip.verified_at)}."
    if facts.restored_at is not None:
        yield f"- The flag was put back at {_time(facts.restored_at)}."


def _detection(facts: Facts) -> Iterator[str]:
    told = facts.record
    for trip in facts.trips:
        yield f"Kill by {code(trip.by)}: {code(trip.reason)}"
        yield ""
        yield "| rung | time | since the first |"
        yield "|---|---|---|"
        yield from _rungs(trip)
        yield ""
    if not facts.trips:
        yield "No flag was turned: there was no kill."
        yield ""
    due = ack_due_at(told.severity, told.opened_at)
    if told.acknowledged_at is None:
        yield f"Nobody acknowledged it; it was due by {_time(due)}."
        return
    late = "in time" if told.acknowledged_at < due else "too late"
    took = _span(told.opened_at, told.acknowledged_at)
    by = code(told.acknowledged_by or "")
    yield f"Acknowledged by {by} after {took}, {late}: it was due by {_time(due)}."


def _rungs(trip: Trip) -> Iterator[str]:
    start = trip.first_failed_at or trip.decided_at
    value = "on" if trip.to else "off"
    rungs = (
        ("first failed run began", trip.first_failed_at),
        ("decided", trip.decided_at),
        (f"{value} in the store, read back equal", trip.written_at),
        ("found not to reach users", trip.failed_at),
        ("proven: a fresh browser no longer meets it", trip.verified_at),
    )
    for name, at in rungs:
        if at is not None:
            yield f"| {name} | {_time(at)} | +{(at - start).total_seconds():.1f} s |"
        elif name.startswith("proven"):
            yield f"| {name} | never | |"


def _timeline(facts: Facts) -> Iterator[str]:
    for line in facts.timeline:
        who = "" if line.by is None else f" {code(line.by)} wrote"
        first = line.text.partition("\n")[0] or line.text
        more = " (whole below)" if is_explanation(line, facts.record.guard) else ""
        yield f"- {_time(line.at)}{who} {code(first)}{more}"
    if not facts.timeline:
        yield "No line is on record."


def _explanation(facts: Facts) -> Iterator[str]:
    told = [line for line in facts.timeline if is_explanation(line, facts.record.guard)]
    if not told:
        yield "No explanation is on record."
    for line in told:
        yield block(line.text)


def _runs(facts: Facts, base_url: str) -> Iterator[str]:
    if not facts.runs:
        yield "None is on record (any more)."
        return
    yield "Those that judge, from the first failure until the proof."
    yield ""
    for run in facts.runs:
        yield _run(run, base_url)
    if facts.runs_left_out:
        yield f"- and more than these {len(facts.runs)}"


def _run(run: Run, base_url: str) -> str:
    reason = f": {code(run.reason)}" if run.reason else ""
    what = f"{code(run.probe)} at {code(run.location)}, {run.purpose}, **{run.outcome}**"
    # A run's id is ours, but comes back from a worker's process.
    address = f"{base_url}/runs/{run.id}" if run.id.replace("-", "").isalnum() else ""
    return f"- {_time(run.started_at)} {what}{reason}{f' <{address}>' if address else ''}"


def _people(facts: Facts) -> Iterator[str]:
    lines = [line for line in facts.timeline if line.by is not None]
    for line in lines:
        yield f"- {_time(line.at)} {code(line.by or '')}: {code(line.text, 1000)}"
    if not lines:
        yield "Nobody wrote a line."


def _audit(facts: Facts) -> Iterator[str]:
    for row in facts.audit:
        on = code(row.flag or row.subject)
        change = f", {code(row.before)} -> {code(row.after)}" if row.before or row.after else ""
        yield (
            f"- {_time(row.at)} row {row.id}: {code(row.actor)} {code(row.action)} {on}{change}: "
            f"{code(row.reason)}"
        )
    if facts.audit_left_out:
        yield f"- and more than these {len(facts.audit)}"
    if not facts.audit:
        yield "No row in this span."


def _span(since: datetime, until: datetime) -> str:
    return span((until - since).total_seconds())


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
