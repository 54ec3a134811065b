"""From the path that pydantic gives an error to the place in the file that a person must mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from config.errors import At
from config.schema import Config
from config.shape import Model, branches, inner, meant, models, tag, tag_field


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the file, and what the schema has there.

    `owner` is the model whose key is at fault, None where the last part is no model's key.
    `options` are the models of the union that the owner was chosen from, if any.
    """

    at: At
    owner: Model | None = None
    options: tuple[Model, ...] = ()


@dataclass(frozen=True, slots=True)
class BadKey:
    """A key that breaks the pattern of names."""

    at: At


@dataclass(frozen=True, slots=True)
class NoBranch:
    """A value that is none of a union's: `options` are its models, empty for one of scalars."""

    at: At
    options: tuple[Model, ...] = ()


def trace(loc: tuple[int | str, ...], raw: Any) -> Spot | BadKey | NoBranch | None:
    """Follow an error through file and schema, dropping the labels that pydantic gives to unions.

    Returns None for an error of a branch that the file did not mean.
    """
    annotation: Any = Config
    spot, value = Spot(()), raw
    for part in loc:
        choices = models(annotation)
        if part == "[key]":
            return BadKey(spot.at)
        if len(choices) > 1:  # so `part` is a label: a class's name, or a tag
            chosen = meant(choices, value)
            if chosen is None:
                return NoBranch(spot.at, choices)
            if part not in (chosen.__name__, tag(chosen, tag_field(choices))):
                return None
            annotation, spot = chosen, Spot(spot.at, chosen, choices)
        elif choices:
            model = choices[0]
            siblings = spot.options if spot.owner is model else ()
            spot = Spot((*spot.at, part), model, siblings)
            field = model.model_fields.get(str(part))
            annotation, value = (None if field is None else field.annotation), item(value, part)
        elif len(branches(annotation)) > 1:
            return NoBranch(spot.at)
        else:
            spot = Spot((*spot.at, part))
            annotation, value = inner(branches(annotation)[0], part), item(value, part)
    choices = models(annotation)
    if len(choices) > 1 and meant(choices, value) is None:
        return NoBranch(spot.at, choices)
    return spot


def item(value: Any, part: int | str) -> Any:
    """Return an item of a dict or list, or None where there is none."""
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def at_path(value: Any, at: At) -> Any:
    """Return the value at a path, or None where there is none."""
    for part in at:
        value = item(value, part)
    return value
