"""One probe: how long it takes, what went wrong, and its limits; all probes in a table."""

from __future__ import annotations

from flask import Blueprint

PROBE = Blueprint("page_probe", __name__)
