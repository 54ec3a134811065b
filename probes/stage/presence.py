"""Whether the browser still waits for the answer to the request at hand."""

from __future__ import annotations

from collections.abc import Callable

from flask import request


def client_gone() -> Callable[[], bool]:
    """Return a question that any code may ask later: has this request's browser hung up?

    Only waitress with a request look-ahead can tell; elsewhere the answer is always no.
    """
    gone: Callable[[], bool] | None = request.environ.get("waitress.client_disconnected")
    return gone or (lambda: False)
