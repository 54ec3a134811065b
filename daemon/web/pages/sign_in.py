"""Signing in with a token, and out."""

from __future__ import annotations

from flask import Blueprint

SIGN_IN = Blueprint("page_sign_in", __name__)
