"""The flags of the store, and one of them with its history."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, Response

from daemon import history
from daemon.audit import AuditEntry
from daemon.flag_writes import WRITES, last_writes
from daemon.web.api.flags import FlagPageQuery
from daemon.web.desk import current_desk
from daemon.web.pages.asked import asked, page_after
from daemon.web.pages.page import render
from daemon.web.paging import page_of
from daemon.web.problem import unknown
from daemon.web.views.flag import FlagView, flag_etag, flag_view, flag_write
from daemon.web.views.gates import Change, exposure, in_words
from flags.gates import PERCENTAGE_OF_ACTORS
from flags.model import Flag, Gates, UnknownFlag

FLAG = Blueprint("page_flag", __name__)

#: Snapshots to choose from on a flag's page; the API lists all.
SNAPSHOTS = 10


@dataclass(frozen=True, slots=True)
class FlagRow:
    """A flag in a line. `last` None: nobody is on record as having changed it."""

    view: FlagView
    words: str
    last: AuditEntry | None


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """Gates to go back to. `rows`: as JSON, for the form; `change`: of exposure, against now."""

    taken_at: datetime
    by: str
    reason: str
    words: str
    rows: str
    change: Change


@FLAG.get("/flags")
def flags() -> Response:
    """Every flag of the store; those that are guarded first."""
    desk = current_desk()
    pending = history.pending_flips(desk.journal)
    last = last_writes(desk.journal)
    rows = [
        FlagRow(flag_view(desk, flag, pending), in_words(flag.gates), last.get(flag.name))
        for flag in desk.switch.flags()
    ]
    rows.sort(key=lambda row: (row.view.guarded_by is None, row.view.name))
    return render("flags.html", rows=rows)


# The second takes a slash, but no line break.
@FLAG.get("/flags/<name>")
@FLAG.get("/flags/<path:name>")
def flag(name: str) -> Response:
    """One flag: its gates, what was written to it, and how to change it."""
    query, desk = asked(FlagPageQuery), current_desk()
    found = _known(name)
    writes = list(
        history.audit(
            desk.journal,
            flag=name,
            actions=WRITES,
            since=query.since,
            until=query.until,
            before=query.cursor,
            newest_first=True,
            limit=query.limit + 1,
        )
    )
    shown, rest = page_of(writes, query.limit, lambda entry: entry.id)
    return render(
        "flag.html",
        view=flag_view(desk, found, history.pending_flips(desk.journal)),
        words=in_words(found.gates),
        etag=flag_etag(found),
        writes=[flag_write(entry) for entry in shown],
        after=page_after(rest),
        snapshots=_snapshots(found),
        actors=found.gates.values("actors"),
        share=next(iter(found.gates.values(PERCENTAGE_OF_ACTORS)), "0"),
    )


def _snapshots(found: Flag) -> list[SnapshotRow]:
    kept = history.snapshots(current_desk().journal, found.name, limit=SNAPSHOTS)
    rows: list[SnapshotRow] = []
    for each in kept:
        gates = Gates.of(*each.gates)
        change, words = exposure(found.gates, gates), in_words(gates)
        told = json.dumps(each.gates)
        rows.append(SnapshotRow(each.taken_at, each.by, each.reason, words, told, change))
    return rows


def _known(name: str) -> Flag:
    switch = current_desk().switch
    try:
        return switch.flag(name)
    except UnknownFlag as cause:
        raise unknown("flag", name, [flag.name for flag in switch.flags()]) from cause
