"""What every write has in common: who signs it, and what they had seen."""

from __future__ import annotations

from flask import Flask
from pydantic import BaseModel

from daemon.audit import Signed
from daemon.web import idempotency, request_id
from daemon.web.auth import current_caller
from daemon.web.etag import Overtaken, etag_of, expect, tagged

__all__ = ["Overtaken", "etag_of", "expect", "register", "signed", "tagged"]

#: Whoever asks where no token is needed, and nobody says who.
NOBODY = "operator"


def register(app: Flask) -> None:
    """Let writes have ids and idempotency keys; after the checks of who may."""
    request_id.register(app)
    idempotency.register(app)


def signed(body: BaseModel | None = None) -> Signed:
    """Say who acts, why, and in which request, for the audit.

    A token's holder acts under the token's name; another name in the body is kept beside it, never
    in its place. Where no token is needed, the body's own `by` is all there is.

    Args:
        body: what was sent; its `by` and `reason` are read where it has them.
    """
    caller = current_caller()
    said = None
    if body is not None and "by" in body.model_fields_set:
        said = getattr(body, "by", None)
    if caller is None or caller.id == "open":
        by = said or NOBODY
    elif said in (None, caller.name):
        by = caller.name
    else:
        by = f"{said} (token {caller.name})"
    return Signed(by, getattr(body, "reason", None) or "", request_id.request_id())
