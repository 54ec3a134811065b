"""The circuits: what applications go round, and why."""

from __future__ import annotations

from flask import Blueprint

CIRCUITS = Blueprint("page_circuits", __name__)
