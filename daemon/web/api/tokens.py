"""/api/v1/tokens: who may read and act here. For administrators."""

from __future__ import annotations

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

TOKENS = APIBlueprint(
    "tokens", __name__, url_prefix="/api/v1/tokens", abp_tags=[Tag(name="tokens")]
)
