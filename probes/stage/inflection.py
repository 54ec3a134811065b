"""Names in the two spellings that the real API speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def camelize(name: str) -> str:
    """Return `snake_case` as `snakeCase`; a name without underscores comes back as it is."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def camelize_keys(value: Any) -> Any:
    """Return JSON-like data with every mapping's keys in camelCase."""
    if isinstance(value, Mapping):
        return {camelize(key): camelize_keys(below) for key, below in value.items()}
    return value
