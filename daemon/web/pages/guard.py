"""One guard: its explanation, its phases over time, treatment and control side by side."""

from __future__ import annotations

from flask import Blueprint

GUARD = Blueprint("page_guard", __name__)
