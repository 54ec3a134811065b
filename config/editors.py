"""JSON schema of the file as a person writes it, for editors that complete and check it."""

from __future__ import annotations

from typing import Any

from config.schema import Config
from config.shape import Model, models, secrets

# A reference may stand wherever text, a number or a boolean may.
_REFERENCE = {"$ref": "#/$defs/Reference"}
_SCALARS = frozenset({"integer", "number", "boolean"})


def json_schema() -> dict[str, Any]:
    """Return the schema of the file: names come from keys, `x_file` may replace a secret `x`.

    It differs from the models' own schema where the file does: `${NAME}` is allowed in place of
    any scalar, and things have no `name` key.
    """
    schema = Config.model_json_schema()
    definitions: dict[str, Any] = schema["$defs"]
    for model in _all_models(Config, set()):
        definition = schema if model is Config else definitions[model.__name__]
        _as_written(model, definition)
    definitions["Reference"] = {
        "type": "string",
        "pattern": r"\$\{[A-Za-z_]",
        "description": "Taken from the environment: ${NAME} or ${NAME:-default}.",
    }
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Tripflag configuration"
    return schema


def _all_models(model: Model, seen: set[Model]) -> set[Model]:
    if model not in seen:
        seen.add(model)
        for field in model.model_fields.values():
            for found in _within(field.annotation):
                _all_models(found, seen)
    return seen


def _within(annotation: Any) -> set[Model]:
    found = set(models(annotation))
    for argument in getattr(annotation, "__args__", ()):
        found |= _within(argument)
    return found


def _as_written(model: Model, definition: dict[str, Any]) -> None:
    properties: dict[str, Any] = definition["properties"]
    if properties.get("name", {}).get("readOnly"):
        del properties["name"]
    for key, value in properties.items():
        properties[key] = _referable(value)
    required: list[str] = definition.get("required", [])
    for key in secrets(model):
        properties[f"{key}_file"] = {
            "type": "string",
            "description": f"File that holds `{key}`; relative to this file's folder.",
        }
        both = {"not": {"required": [key, f"{key}_file"]}}
        definition.setdefault("allOf", []).append(both)
        if key in required:
            required.remove(key)
            either = {"anyOf": [{"required": [key]}, {"required": [f"{key}_file"]}]}
            definition["allOf"].append(either)


def _referable(value: dict[str, Any]) -> dict[str, Any]:
    """Let a reference stand for a scalar, at any depth; discriminators stay as they are."""
    if "const" in value:
        return value
    if value.get("type") in _SCALARS or "enum" in value or "pattern" in value:
        notes = ("default", "description", "title")
        kept: dict[str, Any] = {key: value.pop(key) for key in notes if key in value}
        return {"anyOf": [value, _REFERENCE], **kept}
    for key in ("items", "additionalProperties"):
        if isinstance(value.get(key), dict):
            value[key] = _referable(value[key])
    if "patternProperties" in value:
        patterns = value["patternProperties"]
        value["patternProperties"] = {p: _referable(v) for p, v in patterns.items()}
        value["additionalProperties"] = False  # a name that breaks the pattern is an error
    for key in ("anyOf", "oneOf"):
        if key in value:
            value[key] = [_referable(option) for option in value[key]]
    return value
