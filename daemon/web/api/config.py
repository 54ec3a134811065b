"""/api/v1/config: what is loaded, with its secrets masked."""

from __future__ import annotations

from typing import Any, Literal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import ConfigDict, Field

from daemon.web.answer import View, answer
from daemon.web.asks import Ask
from daemon.web.desk import current_desk
from daemon.web.views.config import as_yaml, config_shown

CONFIG = APIBlueprint(
    "config", __name__, url_prefix="/api/v1/config", abp_tags=[Tag(name="config")]
)
YAML = "application/yaml"


class ConfigQuery(Ask):
    format: Literal["json", "yaml"] = Field("json", description="`yaml`: as its file has it.")


class ConfigView(View):
    """As the file would hold it, defaults included; secrets are `********`."""

    model_config = ConfigDict(
        frozen=True,
        openapi_extra={"content": {YAML: {"schema": {"type": "object"}}}},  # type: ignore[typeddict-unknown-key]
    )

    config: dict[str, Any]


@CONFIG.get("", responses={200: ConfigView})
def get_config(query: ConfigQuery) -> Response:
    """Show the configuration in force: what was loaded, not what its file says by now."""
    shown = config_shown(current_desk().config)
    if query.format == "yaml":
        return Response(as_yaml(shown), mimetype=YAML)
    return answer(ConfigView(config=shown), longest=None)
