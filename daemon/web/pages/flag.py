"""The flags of the store, and one of them with its history."""

from __future__ import annotations

from flask import Blueprint

FLAG = Blueprint("page_flag", __name__)
