"""Evidence of a run, sent so that nothing in it can act: a target drew or wrote all of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from flask import Response, send_file

from daemon.web.desk import Desk
from daemon.web.problem import Refused
from probes.model import Run

#: What a browser may show in place: bitmaps, by suffix and by how such a file begins.
_BITMAPS = {
    ".png": ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ".jpg": ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ".jpeg": ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ".webp": ("image/webp", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
}
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
#: What a person is told of evidence that a run kept once.
GONE = (
    "the evidence is gone: only so much is kept as journal.artifacts_keep, artifacts_keep_days and "
    "artifacts_max_mb say"
)
HEADERS = {
    # What a target drew or wrote must never run with our origin's rights.
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One kept file. `image`: its type where it may be shown in place; None: it is a download."""

    kind: str
    file: Path
    size_bytes: int
    image: str | None


def evidence_of(desk: Desk, run: Run) -> tuple[Evidence, ...]:
    """Return what is still there of a run's evidence, in the order in which it was kept."""
    folder = desk.config.journal.artifacts_folder
    found: list[Evidence] = []
    for artifact in run.artifacts:
        there = _confined(folder, artifact.path)
        if there is not None:
            file, size_bytes = there
            found.append(Evidence(artifact.kind, file, size_bytes, _image(file)))
    return tuple(found)


def send(desk: Desk, run: Run, kind: str) -> Response:
    """Send one piece of a run's evidence: a bitmap in place, everything else as a download.

    Raises:
        Refused: 404 where the run kept no such thing, or it is gone by now.
    """
    kinds = sorted({artifact.kind for artifact in run.artifacts})
    if kind not in kinds:
        raise Refused(404, f"this run kept {', '.join(kinds) or 'nothing'}", known=kinds)
    found = next((each for each in evidence_of(desk, run) if each.kind == kind), None)
    if found is None:
        raise Refused(404, GONE)
    try:
        sent = send_file(
            found.file,
            mimetype=found.image or "application/octet-stream",
            as_attachment=found.image is None,
            download_name=file_name(run, kind, found.file.suffix),
        )
    except FileNotFoundError:  # pruned a moment ago
        raise Refused(404, GONE) from None
    sent.headers.update(HEADERS)
    return sent


def file_name(run: Run, kind: str, suffix: str) -> str:
    """Return a name that every browser and file system takes as it is: short, plain ASCII."""
    name = f"{run.probe[:64]}-{run.started_at:%Y%m%dT%H%M%S}-{kind[:32]}{suffix[:12]}"
    return _UNSAFE.sub("_", name)


def _image(file: Path) -> str | None:
    known = _BITMAPS.get(file.suffix.lower())
    if known is None:
        return None
    try:
        with file.open("rb") as opened:
            begins = opened.read(16)
    except OSError:
        return None
    type_, pattern = known
    return type_ if pattern.match(begins) else None


def _confined(folder: Path, relative: str) -> tuple[Path, int] | None:
    """Return a file that is really inside the folder, and its size; None where it is not there."""
    try:
        file = (folder / relative).resolve()
        if not file.is_relative_to(folder.resolve()):
            return None
        # One look: what is pruned between two would be a defect of ours.
        found = file.stat()
    except (OSError, ValueError):  # gone, or a path that no file system takes
        return None
    return (file, found.st_size) if S_ISREG(found.st_mode) else None
