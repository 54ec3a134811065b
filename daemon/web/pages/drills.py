"""The drills: rehearsed kills, and one whole."""

from __future__ import annotations

from flask import Blueprint

DRILLS = Blueprint("page_drills", __name__)
