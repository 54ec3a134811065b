"""Who did what: the audit, newest first."""

from __future__ import annotations

from flask import Blueprint

AUDIT = Blueprint("page_audit", __name__)
