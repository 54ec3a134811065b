"""Each request's id: the client's own where it sent a usable one, else a new one."""

from __future__ import annotations

import re
from typing import cast
from uuid import uuid4

from flask import Flask, Response, g, request

HEADER = "X-Request-ID"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
# It goes into the audit, logs and an answer's header: visible ASCII, and as long as the column.
_USABLE = re.compile(r"[!-~]{1,128}")


def request_id() -> str:
    """Return the id of the request under way; the same at each call."""
    if "request_id" not in g:
        sent = request.headers.get(HEADER, "")
        g.request_id = sent if _USABLE.fullmatch(sent) else str(uuid4())
    return cast(str, g.request_id)


def register(app: Flask) -> None:
    """Let every answer to a write name its request."""

    @app.after_request
    def echo(sent: Response) -> Response:
        if request.method not in _READS:
            sent.headers[HEADER] = request_id()
        return sent
