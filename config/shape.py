"""Which model stands behind which mapping of the file, and the file's JSON schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from config.errors import At
from config.schema import Config, Named, StoreBase

Model = type[BaseModel]


def branches(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, without None and without `Annotated`'s metadata."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) not in (Union, UnionType):
        return (annotation,)
    return tuple(
        branch
        for member in get_args(annotation)
        if member is not type(None)
        for branch in branches(member)
    )


def models(annotation: Any) -> tuple[Model, ...]:
    """Return the models that a value of this annotation may be."""
    return tuple(
        b for b in branches(annotation) if isinstance(b, type) and issubclass(b, BaseModel)
    )


def tag_field(options: tuple[Model, ...]) -> str:
    """Return the key whose value tells a union's models apart: `kind` or `rule`."""
    for key, field in options[0].model_fields.items():
        if get_origin(field.annotation) is Literal and all(key in o.model_fields for o in options):
            return key
    raise TypeError(f"{options} share no literal key")


def tag(model: Model, key: str) -> str:
    """Return the value of `key` that means this model."""
    return str(get_args(model.model_fields[key].annotation)[0])


def meant(options: tuple[Model, ...], value: Any) -> Model | None:
    """Return the model that a mapping means, by its tag; None where the tag is none of theirs."""
    if len(options) == 1:
        return options[0]
    key = tag_field(options)
    for model in options:
        if isinstance(value, dict) and value.get(key, model.model_fields[key].default) == tag(
            model, key
        ):
            return model
    return None


def inner(annotation: Any, part: str | int) -> Any:
    """Return the annotation of one item of a dict, list or tuple; Any where it has none."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is dict and isinstance(part, str):
        return arguments[1]
    if origin in (tuple, list) and isinstance(part, int):
        return arguments[0]
    return Any


def mappings(
    value: Any, annotation: Any = Config, at: At = ()
) -> Iterator[tuple[At, Model, dict[str, Any]]]:
    """Walk the file's values beside the schema and yield each mapping that has a model."""
    options = models(annotation)
    if options:
        model = meant(options, value)
        if model is None or not isinstance(value, dict):
            return
        yield at, model, value
        for key, item in list(value.items()):
            field = model.model_fields.get(key)
            if field is not None:
                yield from mappings(item, field.annotation, (*at, key))
        return
    parts: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        parts.extend(value.items())
    elif isinstance(value, list):
        parts.extend(enumerate(value))
    for branch in branches(annotation):
        for part, item in parts:
            yield from mappings(item, inner(branch, part), (*at, part))


def file_keys(model: Model) -> list[str]:
    """Return the keys that the file may have there: no `name`, but `x_file` beside a secret `x`."""
    keys = [key for key in model.model_fields if not (key == "name" and issubclass(model, Named))]
    return keys + [f"{key}_file" for key in secrets(model)]


def secrets(model: Model) -> list[str]:
    """Return the fields that may be read from a file: secrets, and the store's whole URL."""
    return [
        key
        for key, field in model.model_fields.items()
        if is_secret(field) or (issubclass(model, StoreBase) and key == "url")
    ]


def is_secret(field: FieldInfo) -> bool:
    """True where the value is a secret as a whole."""
    return SecretStr in branches(field.annotation)


def is_path(field: FieldInfo) -> bool:
    """True where the value is a path of the file system."""
    return Path in branches(field.annotation)
