"""Where on this site a request is, as a URL writes it."""

from __future__ import annotations

from urllib.parse import quote

from flask import request


def here() -> str:
    """Return the path and query of the request under way, for a way back to it.

    Decoded, a name with a `?` or a line break in it would lead elsewhere, or nowhere; and a query
    need not be UTF-8.
    """
    query = request.query_string.decode("ascii", "replace")
    return quote(request.path) + (f"?{query}" if query else "")
