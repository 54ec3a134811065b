"""Secrets: read from files, refused in plain, and never printed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.errors import At, Findings
from config.shape import is_secret, mappings, secrets
from config.template import Reference, Template

MAX_SECRET_BYTES = 64 << 10

# Stands for a reference without a default in a template's text: no literal can contain it.
_HOLE = "\0"
_URL_PASSWORD = re.compile(r"([a-z][a-z0-9+.-]*)://[^/?#\s:@]*:([^@\s]*)@", re.IGNORECASE)
_HTTP = frozenset({"http", "https", "ws", "wss"})
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "x-api-key", "apikey"})
_REMEDY = "take it from the environment, as ${NAME} without a default"


def refuse_plain(raw: Any, templates: Mapping[At, Template], findings: Findings) -> None:
    """Blame every secret whose text stands in the file itself, defaults of `${}` included."""
    for at, model, values in mappings(raw):
        for key, field in model.model_fields.items():
            place = (*at, key)
            if key in values and is_secret(field) and place not in findings.blamed:
                _refuse_plain_secret(place, values[key], templates.get(place), findings)
    for at, template in templates.items():
        written = "".join(_as_written(part) for part in template)
        if any(_is_literal_password(*found) for found in _URL_PASSWORD.findall(written)):
            findings.blame(at, "a password in a URL must not be written in plain", _REMEDY)
        header = str(at[-1]).lower() if at else ""
        if at[-2:-1] == ("headers",) and header in _SECRET_HEADERS and _HOLE not in written:
            findings.blame(at, "a secret must not be written in plain", _REMEDY)


def _refuse_plain_secret(at: At, value: Any, template: Template | None, findings: Findings) -> None:
    remedy = f"{_REMEDY}, or from a file, as {at[-1]}_file: path"
    if value is None:
        return
    if template is None or "".join(map(_as_written, template)).strip(_HOLE):
        findings.blame(at, "a secret must not be written in plain", remedy)
    elif not value:
        findings.blame(at, "the secret is empty", remedy)


def _as_written(part: str | Reference) -> str:
    return part if isinstance(part, str) else part.default or _HOLE


def _is_literal_password(scheme: str, password: str) -> bool:
    if scheme.lower() in _HTTP and re.search("[/?#]", password):
        return False  # a port and a path with an @ in it: the authority ended before
    return password.strip(_HOLE) != ""


def read_files(raw: Any, findings: Findings) -> set[At]:
    """Put the content of each `x_file` in the place of its secret `x`.

    One newline at the end of the file is not part of the secret. Where the file is of no use, a
    placeholder keeps later rules from blaming the absence too.

    Returns:
        The places that were filled.
    """
    filled: set[At] = set()
    for at, model, values in list(mappings(raw)):
        for key in secrets(model):
            filed = f"{key}_file"
            if filed not in values:
                continue
            name = values.pop(filed)
            place, here = (*at, key), (*at, filed)
            if key in values:
                findings.blame(here, f"{key} is given too", "keep one of the two")
                continue
            findings.lines[place] = findings.line(here)
            values[key] = _content(name, here, findings)
            filled.add(place)
    return filled


def _content(name: Any, at: At, findings: Findings) -> str:
    placeholder = "unreadable"
    if at in findings.blamed:
        return placeholder
    if not isinstance(name, str) or not name:
        findings.blame(at, "must be a path", "write the path of the file that holds the secret")
        return placeholder
    try:
        with (findings.path.absolute().parent / Path(name)).open("rb") as stream:
            content = stream.read(MAX_SECRET_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as cause:
        why = cause.strerror if isinstance(cause, OSError) else "it is not UTF-8 text"
        findings.blame(at, f"the file cannot be read: {why}", "name a file that this user may read")
        return placeholder
    if len(content) > MAX_SECRET_BYTES or "\0" in text:
        findings.blame(at, "the file holds no secret but data", "name a small text file")
        return placeholder
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        findings.blame(at, "the file is empty", "write the secret into it")
        return placeholder
    return text
