"""One run whole, with its evidence; and runs in a list."""

from __future__ import annotations

from flask import Blueprint

RUN = Blueprint("page_run", __name__)
