"""Take secrets and personal data out of traces before they are kept.

Playwright masks nothing: a trace holds cookies, headers and typed text as they were.
"""

from __future__ import annotations

import json
import zipfile
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from config.schema import JourneyProbe, TargetSpec
from probes.privacy import Mask
from probes.trace import Cleaner, NotCleaned

#: Shorter values are words such as "true" or an id such as "probe-11": not secrets, and replacing
#: them would ruin the trace.
MIN_LENGTH = 12
MASK = b"[redacted]"
#: Of all members, unpacked: the target decides how much there is.
MAX_BYTES = 100_000_000


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


def redact_trace(path: Path, secrets: Iterable[str], mask: Mask, until: float) -> None:
    """Rewrite a trace without secrets and personal data; where that fails, there is no file.

    Args:
        until: `time.monotonic()` at which the run's time is over: a trace can hold very much, and
            a worker that is killed over it loses what the run says.

    Raises:
        NotCleaned: it cannot be read, is too much, or takes too long.
        OSError: the disk does not take it.
    """
    needles = sorted(
        {form.encode() for value in secrets for form in _forms(value)}, key=len, reverse=True
    )
    clean = path.with_suffix(".clean")
    try:
        clean.write_bytes(_rewritten(path, needles, Cleaner(mask, until)))
        clean.replace(path)
    except Exception as cause:  # whatever it is, the trace must not stay as it was
        for each in (clean, path):
            with suppress(OSError):
                each.unlink(missing_ok=True)
        if isinstance(cause, OSError | NotCleaned):
            raise
        # What it says may quote the trace.
        raise NotCleaned(f"it cannot be read ({type(cause).__name__})") from cause


def _rewritten(path: Path, needles: Iterable[bytes], cleaner: Cleaner) -> bytes:
    members: list[tuple[str, bytes]] = []
    with zipfile.ZipFile(path) as source:
        if sum(member.file_size for member in source.infolist()) > MAX_BYTES:
            raise NotCleaned(f"it holds more than {MAX_BYTES // 1_000_000} MB")
        for member in source.infolist():
            content = source.read(member)
            for needle in needles:
                content = content.replace(needle, MASK)
            cleaner.read(member.filename, content)
            members.append((member.filename, content))
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for name, content in members:
            kept = cleaner.clean(name, content)
            if kept is not None:
                target.writestr(name, kept)
    return packed.getvalue()


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
