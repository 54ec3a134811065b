"""Take secrets out of traces before they are kept.

Playwright masks nothing: a trace holds cookies, headers and typed text as they were.
"""

from __future__ import annotations

import json
import zipfile
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from config.schema import JourneyProbe, TargetSpec

#: Shorter values are words such as "true" or an id such as "probe-11": not secrets, and replacing
#: them would ruin the trace.
MIN_LENGTH = 12
MASK = b"[redacted]"


def secrets_of(probe: JourneyProbe, target: TargetSpec) -> frozenset[str]:
    """Collect the session values that a probe's browser carries."""
    values = {*target.cookies.values(), *probe.cookies.values()}
    state = probe.storage_state_file or target.storage_state_file
    if state is not None:
        values |= set(_values(json.loads(state.read_text("utf-8"))))
    values |= {secret for url in (target.base_url, target.api) for secret in _login(url)}
    return frozenset(values)


def _login(url: str) -> Iterable[str]:
    parts = urlsplit(url)
    if parts.password:
        name, password = unquote(parts.username or ""), unquote(parts.password)
        # As it travels in the Authorization header; the length keeps a short password safe too.
        yield b64encode(f"{name}:{password}".encode()).decode()
        yield f"{parts.username}:{parts.password}@"
        yield password


def redact_trace(path: Path, secrets: Iterable[str]) -> bool:
    """Rewrite a trace without the secrets; False, and no file, where that cannot be done."""
    needles = sorted(
        {form.encode() for value in secrets for form in _forms(value)}, key=len, reverse=True
    )
    if not needles:
        return True
    clean = path.with_suffix(".clean")
    try:
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(clean, "w") as target:
            for member in source.infolist():
                content = source.read(member)
                for needle in needles:
                    content = content.replace(needle, MASK)
                target.writestr(member, content, zipfile.ZIP_DEFLATED)
        clean.replace(path)
    except Exception:  # whatever it is, the trace must not stay as it was
        clean.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        return False
    return True


def _forms(value: str) -> Iterable[str]:
    """Spell a secret as it may stand in a trace: raw, inside JSON text, percent-encoded."""
    for plain in {value, unquote(value)}:
        if len(plain) < MIN_LENGTH:
            continue
        yield plain
        yield quote(plain)
        yield quote(plain, safe="")
        for ascii_only in (True, False):  # Python's JSON, and the browser's
            yield json.dumps(plain, ensure_ascii=ascii_only)[1:-1]


def _values(node: object, inside: bool = False) -> Iterable[str]:
    """Find every text below a key `value`: cookies, local storage, records of databases."""
    if isinstance(node, dict):
        for key, child in node.items():
            yield from _values(child, inside or key == "value")
    elif isinstance(node, list):
        for child in node:
            yield from _values(child, inside)
    elif isinstance(node, str) and inside:
        yield node
        # Local storage often holds JSON, and pages send just the token that is in it.
        with suppress(ValueError, RecursionError):
            parsed = json.loads(node)
            if isinstance(parsed, dict | list):
                yield from _values(parsed, inside)
