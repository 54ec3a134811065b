"""The tokens: who may read and act here. For administrators."""

from __future__ import annotations

from flask import Blueprint

TOKEN = Blueprint("page_token", __name__)
