"""Every form of the dashboard: the same request that the API takes, from a page."""

from __future__ import annotations

from flask import Blueprint

ACTS = Blueprint("page_acts", __name__)
