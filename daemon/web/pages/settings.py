"""What configuration is loaded, with its secrets masked."""

from __future__ import annotations

from flask import Blueprint

SETTINGS = Blueprint("page_settings", __name__)
