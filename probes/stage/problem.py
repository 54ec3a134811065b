"""Errors as the stage's own APIs say them: problem+json (RFC 9457)."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from flask import Response


def problem(status: int, detail: str, **more: Any) -> Response:
    """Build a problem+json answer; `more` are extra members, such as the names that are known."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **more,
    }
    return Response(json.dumps(body), status=status, mimetype="application/problem+json")


def va_errors(status: int, detail: str) -> Response:
    """Build an error in the shape that vets-api uses."""
    error = {
        "title": HTTPStatus(status).phrase,
        "detail": detail,
        "code": str(status),
        "status": str(status),
    }
    return Response(json.dumps({"errors": [error]}), status=status, mimetype="application/json")


def garbage() -> Response:
    """Build what a misrouted proxy sends: a web page with status 200 where JSON was asked."""
    return Response(
        "<!doctype html><title>Gateway</title><p>It works</p>", status=200, mimetype="text/html"
    )
