"""Who may change the stage: whoever sits at this machine, and no page of another site."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, request

from probes.stage.problem import problem


def refuse_strangers() -> Response | None:
    """Answer 403 to a POST that another site's page makes through its visitor's browser."""
    origin = request.headers.get("Origin")
    if request.method != "POST" or origin is None:
        return None
    if urlsplit(origin).netloc != request.headers.get("Host"):
        return problem(403, f"a page of {origin} may not do this")
    return None
