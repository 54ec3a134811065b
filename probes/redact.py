"""Take secrets out of traces before they are kept.

Playwright masks nothing: a trace holds cookies, headers and typed text as they were.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

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
    return frozenset(value for value in values if len(value) >= MIN_LENGTH)


def redact_trace(path: Path, secrets: Iterable[str]) -> bool:
    """Rewrite a trace without the secrets; False, and no file, where that cannot be done."""
    needles = sorted(
        {form.encode() for value in secrets for form in (value, quote(value), json.dumps(value))},
        key=len,
        reverse=True,
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
    except (OSError, zipfile.BadZipFile):
        clean.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        return False
    return True


def _values(node: object) -> Iterable[str]:
    if isinstance(node, dict):
        if isinstance(node.get("value"), str):
            yield node["value"]
        for child in node.values():
            yield from _values(child)
    elif isinstance(node, list):
        for child in node:
            yield from _values(child)
