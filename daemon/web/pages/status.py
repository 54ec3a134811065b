"""What everybody may see: states without details, without a token."""

from __future__ import annotations

from flask import Blueprint

STATUS = Blueprint("page_status", __name__)
