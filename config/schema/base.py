"""What every part of the configuration is built from."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
FlagName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.:-]{0,127}$")]
Seconds = Annotated[float, Field(gt=0, le=604_800)]


def http_url(value: str) -> str:
    """Accept an absolute http or https URL and return it without a trailing slash."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an absolute http:// or https:// URL")
    return value.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(http_url)]


class Strict(BaseModel):
    """Frozen; an unknown key is an error, so that a misspelt limit is never silently unset."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Named(Strict):
    name: Annotated[str, Field(exclude=True, json_schema_extra={"readOnly": True})] = ""
