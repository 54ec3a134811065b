"""/api/v1/config: what is loaded, with its secrets masked."""

from __future__ import annotations

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

CONFIG = APIBlueprint(
    "config", __name__, url_prefix="/api/v1/config", abp_tags=[Tag(name="config")]
)
