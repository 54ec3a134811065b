"""/api/v1/audit: every write to a flag, and every operator's act, as a hash chain."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import Field

from daemon import history
from daemon.audit import AuditEntry
from daemon.web.answer import View, answer
from daemon.web.asks import Limit
from daemon.web.desk import current_desk
from daemon.web.paging import CURSOR, NEXT, RowCursor, Within, page_of

AUDIT = APIBlueprint("audit", __name__, url_prefix="/api/v1/audit", abp_tags=[Tag(name="audit")])


class AuditQuery(Within):
    flag: str | None = None
    actor: str | None = Field(None, description="Exactly as in the rows; `guard`: no person.")
    action: str | None = Field(None, description="`flip`, `adopted`, or an operator's verb.")
    subject: str | None = Field(None, description="Such as `guard representative_status`.")
    limit: Limit = 100
    order: Literal["asc", "desc"] = Field("asc", description="`asc`: as the chain grows.")
    cursor: RowCursor | None = CURSOR


class AuditRow(View):
    """`hash` covers the row and `prev`, the hash of the row before it. `flag` is empty where the
    act was on something else, which `subject` names.
    """

    id: int
    at: datetime
    actor: str
    action: str
    flag: str
    before: str
    after: str
    reason: str
    request_id: str
    prev: str
    hash: str
    subject: str


class AuditPage(View):
    rows: tuple[AuditRow, ...]
    next: str | None = NEXT


def audit_row(entry: AuditEntry) -> AuditRow:
    """Show a row as it is: a shortened value would not hash to what was written."""
    return AuditRow.model_validate(entry.document())


@AUDIT.get("", responses={200: AuditPage})
def list_audit(query: AuditQuery) -> Response:
    """List the audit, oldest first unless asked otherwise: that is how its chain is verified."""
    newest_first = query.order == "desc"
    found = list(
        history.audit(
            current_desk().journal,
            flag=query.flag,
            actor=query.actor,
            action=query.action,
            subject=query.subject,
            since=query.since,
            until=query.until,
            after=0 if newest_first else query.cursor or 0,
            before=query.cursor if newest_first else None,
            newest_first=newest_first,
            limit=query.limit + 1,
        )
    )
    page, rest = page_of(found, query.limit, lambda entry: entry.id)
    rows = tuple(audit_row(entry) for entry in page)
    return answer(AuditPage(rows=rows, next=rest), longest=None)
