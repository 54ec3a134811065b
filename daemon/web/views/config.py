"""The configuration in force as people may see it: every secret masked."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from ruamel.yaml import YAML

from config.schema import Config

MASK = "********"

#: Names of parameters, headers and keys whose values are nobody's to read.
_WORDS = r"pass(word|wd|phrase|code)?|pwd|secret|token|credentials?|auth|session|sig(nature)?|key"
_SECRET_NAME = re.compile(rf"(^|[^a-z])({_WORDS})([^a-z]|$)|api_?key|authorization", re.IGNORECASE)
#: User and password of any URL, wherever in a text it stands.
_USER = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@")
_PARAMETER = re.compile(r"(?P<name>[^?&#\s=;]+)=(?P<value>[^&#\s;]*)")


def config_shown(config: Config) -> dict[str, Any]:
    """Return the configuration as its file would hold it, defaults included, without a secret.

    Masked: `SecretStr`s, what its model keeps out of its `repr` (cookies, headers, bodies), user
    and password in every URL, and whatever has a name that secrets have.
    """
    return _model(config)


def as_yaml(shown: dict[str, Any]) -> str:
    """Return it as YAML, in the order of the schema."""
    writer = YAML()  # the kind that keeps the order of keys
    writer.width = 100
    text = StringIO()
    writer.dump(shown, text)
    return text.getvalue()


def _model(model: BaseModel) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, field in type(model).model_fields.items():
        if field.exclude:
            continue  # the mapping's own key, written twice
        value = getattr(model, name)
        shown[name] = _value(name, value) if field.repr else _hidden(name, value)
    return shown


def _value(name: str, value: Any) -> Any:
    match value:
        case SecretStr():
            return MASK
        case BaseModel():
            return _model(value)
        case dict():
            return {str(key): _named(str(key), each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_value(name, each) for each in value]
        case re.Pattern():
            return value.pattern
        case str() | Path():
            return _text(str(value))
        case _:
            return value


def _named(key: str, value: Any) -> Any:
    # Names of probes and guards are keys too, and stand before a model, which is walked.
    if _SECRET_NAME.search(key) and not isinstance(value, BaseModel):
        return _hidden(key, value)
    return _value(key, value)


def _hidden(name: str, value: Any) -> Any:
    """Mask everything, but leave names, and where a URL leads to."""
    match value:
        case None:
            return None
        case dict():
            return {str(key): MASK for key in value}
        case str() if name.endswith("url") and "://" in value:
            return _PARAMETER.sub(rf"\g<name>={MASK}", _USER.sub(rf"\g<scheme>{MASK}@", value))
        case _:
            return MASK


def _text(text: str) -> str:
    return _PARAMETER.sub(_parameter, _USER.sub(rf"\g<scheme>{MASK}@", text))


def _parameter(found: re.Match[str]) -> str:
    masked = bool(_SECRET_NAME.search(found["name"]))
    return f"{found['name']}={MASK}" if masked else found[0]
