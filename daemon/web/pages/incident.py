"""Incidents, and one of them with its timeline, clock, notes and messages to copy."""

from __future__ import annotations

from flask import Blueprint

INCIDENT = Blueprint("page_incident", __name__)
