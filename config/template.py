"""`${NAME}` and `${NAME:-default}` inside scalars; `$${` stands for a literal `${`.

Replaced after the YAML is parsed, so that a value can never bring structure with it. A default
also stands in for a variable that is set but empty, as in a shell. Keys are never replaced. What
comes out is text: it becomes a number or a boolean only where the schema wants one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.errors import At, Findings

_PART = re.compile(
    r"(?P<escape>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<given>:-(?P<default>[^}]*))?\}"
    r"|(?P<broken>\$\{)"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """One `${...}`; `default` is None where there was none."""

    name: str
    default: str | None


Template = tuple[str | Reference, ...]


def parse(text: str) -> Template:
    """Split text into literal parts and references.

    Raises:
        ValueError: a `${` begins no reference.
    """
    parts: list[str | Reference] = []
    end = 0
    for match in _PART.finditer(text):
        if match["broken"]:
            raise ValueError("`${` begins no reference")
        parts.append(text[end : match.start()])
        parts.append("${" if match["escape"] else Reference(match["name"], match["default"]))
        end = match.end()
    parts.append(text[end:])
    return tuple(part for part in parts if part != "")


def substitute(
    raw: Any, env: Mapping[str, str], findings: Findings
) -> tuple[Any, dict[At, Template]]:
    """Replace every reference in a tree of plain values.

    Returns:
        The new tree, and the template of each text in it. Where a variable is missing the text
        is empty and the path is blamed.
    """
    templates: dict[At, Template] = {}

    def replaced(value: Any, at: At) -> Any:
        if isinstance(value, dict):
            return {key: replaced(item, (*at, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [replaced(item, (*at, place)) for place, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        try:
            templates[at] = parse(value)
        except ValueError as cause:
            remedy = "write ${NAME} or ${NAME:-default}, or $${ for the two characters themselves"
            findings.blame(at, str(cause), remedy)
            return ""
        return "".join(_text(part, at, env, findings) for part in templates[at])

    return replaced(raw, ()), templates


def _text(part: str | Reference, at: At, env: Mapping[str, str], findings: Findings) -> str:
    if isinstance(part, str):
        return part
    value = env.get(part.name)
    if part.default is not None:
        return value or part.default
    if value is None:
        findings.blame(
            at,
            f"environment variable {part.name} is not set",
            f"set it, or where it is no secret write a default: ${{{part.name}:-...}}",
        )
        return ""
    return value


def came_from_environment(template: Template) -> bool:
    """True where any part of the text is a reference."""
    return any(isinstance(part, Reference) for part in template)
