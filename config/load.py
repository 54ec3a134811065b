"""A configuration file to a `Config`, or a `ConfigError` that says everything wrong in it at once.

Types are those that a person wrote: `port: "8700"` is refused, `limit: true` too. Only text that
came from the environment is turned into a number or a boolean where the schema wants one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from config.editors import json_schema
from config.errors import At, ConfigError, Findings, Problem
from config.nodes import read_text, read_values
from config.schema import BrowserSpec, Config, Named, SqlStore, breaches
from config.secret import read_files, refuse_plain
from config.shape import is_path, mappings
from config.template import came_from_environment, substitute
from config.wording import BOOLEAN, NUMBER, blame_invalid

__all__ = ["ConfigError", "Problem", "json_schema", "load"]

_SQLITE = re.compile(r"\A(?P<scheme>sqlite(?:\+\w+)?:///)(?!/|file:|:memory:)(?P<path>[^?]+)")


def load(path: Path, env: Mapping[str, str] = os.environ) -> Config:
    """Read, complete and check one file.

    Args:
        path: YAML 1.2 in UTF-8, 1 MiB at most; `-` and globs mean nothing special.
        env: what `${NAME}` and `${NAME:-default}` are taken from.

    Returns:
        The configuration; relative paths in it were taken from the file's folder, so they are
        absolute, and every `x_file` secret is in its `x`.

    Raises:
        ConfigError: the file is refused whole. Never prints a secret's value.
    """
    findings = Findings(path)
    text = read_text(findings)
    raw = None if text is None else read_values(text, findings)
    if findings.problems and raw is None:
        raise findings.error()
    values, templates = substitute(raw, env, findings)
    refuse_plain(values, templates, findings)
    from_elsewhere = {at for at, parts in templates.items() if came_from_environment(parts)}
    from_elsewhere |= read_files(values, findings)
    _refuse_names(values, findings)
    _make_absolute(values, path.absolute().parent)
    config = _validate(values, from_elsewhere, findings)
    if config is None or findings.problems:
        # Not `from` pydantic's error: that one prints the values it refused.
        raise findings.error()
    return config


def _validate(values: Any, from_elsewhere: set[At], findings: Findings) -> Config | None:
    try:
        config = Config.model_validate(values)
    except ValidationError as cause:
        blame_invalid(cause.errors(include_url=False, include_input=False), values, findings)
        return None
    _refuse_coerced(values, config.model_dump(), (), from_elsewhere, findings)
    for breach in breaches(config):
        if breach.at not in findings.blamed:
            findings.blame(breach.at, breach.rule, breach.remedy)
    return config


def _refuse_names(values: Any, findings: Findings) -> None:
    for at, model, mapping in mappings(values):
        if issubclass(model, Named) and "name" in mapping:
            findings.blame((*at, "name"), "unknown key; the name is the key above it", "remove it")


def _make_absolute(values: Any, folder: Path) -> None:
    for _, model, mapping in mappings(values):
        for key, field in model.model_fields.items():
            value = mapping.get(key)
            if not isinstance(value, str) or not value:
                continue
            if model is SqlStore and key == "url":
                mapping[key] = _SQLITE.sub(lambda m: m["scheme"] + str(folder / m["path"]), value)
            elif is_path(field) and (model is not BrowserSpec or "/" in value):
                # A browser's bare name is looked up on PATH.
                mapping[key] = str(folder / value)


def _refuse_coerced(
    written: Any, read: Any, at: At, from_elsewhere: set[At], findings: Findings
) -> None:
    """Blame what pydantic turned into another type although a person wrote it."""
    if isinstance(written, dict) and isinstance(read, dict):
        for key in written.keys() & read.keys():
            _refuse_coerced(written[key], read[key], (*at, key), from_elsewhere, findings)
    elif isinstance(written, list) and isinstance(read, list | tuple):
        for place, (was, now) in enumerate(zip(written, read, strict=True)):
            _refuse_coerced(was, now, (*at, place), from_elsewhere, findings)
    elif isinstance(read, SecretStr) or at in from_elsewhere:
        return
    elif isinstance(read, bool) and not isinstance(written, bool):
        findings.blame(at, *BOOLEAN)
    elif isinstance(read, bool):
        return
    elif isinstance(read, int | float) and isinstance(written, bool | str):
        findings.blame(at, *NUMBER)
