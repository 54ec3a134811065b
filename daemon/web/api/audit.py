"""/api/v1/audit: every write to a flag, ours or adopted, as a hash chain."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon import history
from daemon.web.answer import View, answer
from daemon.web.asks import AuditQuery
from daemon.web.desk import current_desk

AUDIT = APIBlueprint("audit", __name__, url_prefix="/api/v1/audit", abp_tags=[Tag(name="audit")])


class AuditRow(View):
    """`hash` covers the row and `prev`, the hash of the row before it."""

    id: int
    at: datetime
    actor: str
    action: Literal["flip", "adopted", "circuit"]
    flag: str
    before: str
    after: str
    reason: str
    request_id: str
    prev: str
    hash: str


class AuditPage(View):
    rows: tuple[AuditRow, ...]
    next: int | None


@AUDIT.get("", responses={200: AuditPage})
def list_audit(query: AuditQuery) -> Response:
    """List the audit, oldest first."""
    found = list(
        history.audit(
            current_desk().journal, flag=query.flag, after=query.after, limit=query.limit + 1
        )
    )
    page = tuple(AuditRow(**row.document()) for row in found[: query.limit])
    more = len(found) > query.limit
    # Whole values: a shortened one would not hash to what was written.
    return answer(AuditPage(rows=page, next=page[-1].id if more else None), longest=None)
