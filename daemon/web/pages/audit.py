"""Who did what: the audit, newest first."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

from flask import Blueprint, Response, request
from pydantic import Field

from daemon import history
from daemon.audit import AuditEntry, Broken, first_broken
from daemon.web.desk import current_desk
from daemon.web.pages.asked import asked, page_after
from daemon.web.pages.page import render
from daemon.web.paging import CURSOR, RowCursor, Within, page_of
from daemon.web.views.flag import written

AUDIT = Blueprint("page_audit", __name__)


class AuditFilter(Within):
    """What narrows the page. `verify`: follow the whole chain, which takes its time."""

    flag: str | None = Field(None, max_length=200)
    actor: str | None = Field(None, max_length=200)
    subject: str | None = Field(None, max_length=200)
    verify: Literal["yes"] | None = None
    cursor: RowCursor | None = CURSOR


@AUDIT.get("/audit")
def audit() -> Response:
    """Every write to a flag and every operator's act; the chain is verified only when asked."""
    query, journal = asked(AuditFilter), current_desk().journal
    found = list(
        history.audit(
            journal,
            flag=query.flag,
            actor=query.actor,
            subject=query.subject,
            since=query.since,
            until=query.until,
            before=query.cursor,
            newest_first=True,
            limit=query.limit + 1,
        )
    )
    shown, rest = page_of(found, query.limit, lambda entry: entry.id)
    broken, verified = _verify() if query.verify else (None, None)
    given = {name: request.args.get(name, "") for name in ("flag", "actor", "subject")}
    times = {name: request.args.get(name, "") for name in ("since", "until")}
    return render(
        "audit.html",
        rows=shown,
        after=page_after(rest),
        given={**given, **times},
        broken=broken,
        verified=verified,
        subject_path=_path,
        written=written,
    )


def _path(subject: str) -> str:
    """Return the page of what an act was on; empty where it has none of its own."""
    kind, _, name = subject.partition(" ")
    if name and kind == "circuit":  # all of them are on one page
        return f"/circuits#circuit-{quote(name, safe='')}"
    known = {"guard": "guards", "probe": "probes", "incident": "incidents"}
    return f"/{known[kind]}/{quote(name, safe='')}" if name and kind in known else ""


def _verify() -> tuple[Broken | None, int]:
    """Follow the chain from its first row; return what is broken, and how many rows were read."""
    count = 0

    def counted(entry: AuditEntry) -> AuditEntry:
        nonlocal count
        count += 1
        return entry

    entries = history.audit(current_desk().journal)
    return first_broken(counted(entry) for entry in entries), count
