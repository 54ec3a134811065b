"""/api/v1/events: what changes, as it changes (server-sent events)."""

from __future__ import annotations

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

EVENTS = APIBlueprint(
    "events", __name__, url_prefix="/api/v1/events", abp_tags=[Tag(name="events")]
)
