"""A page to try the API, from its own description."""

from __future__ import annotations

from flask import Blueprint

API = Blueprint("page_api", __name__)
