"""/api/v1/runs: what happened, and the evidence."""

from __future__ import annotations

from pathlib import Path

from flask import Response, send_file
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon import history
from daemon.web.answer import answer
from daemon.web.asks import ById, ByKind, RunQuery
from daemon.web.desk import current_desk
from daemon.web.problem import Refused
from daemon.web.views.run import RunDetail, Runs, run_line
from probes.model import Run

RUNS = APIBlueprint("runs", __name__, url_prefix="/api/v1/runs", abp_tags=[Tag(name="runs")])

#: Kinds that a browser may show in place; everything else is a download.
_IMAGES = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}


@RUNS.get("", responses={200: Runs})
def list_runs(query: RunQuery) -> Response:
    """List runs, newest first, a page at a time."""
    page, rest = history.runs(
        current_desk().journal,
        probe=query.probe,
        outcome=query.outcome,
        purpose=query.purpose,
        before=query.before,
        limit=query.limit,
    )
    lines = tuple(run_line(run) for run in page)
    return answer(Runs(runs=lines, next=None if rest is None else str(rest)))


@RUNS.get("/<id>", responses={200: RunDetail})
def get_run(path: ById) -> Response:
    """Show one run whole: steps, exposure, vitals, console errors, failed requests."""
    return answer(RunDetail(run=_run(path.id)), longest=None)


@RUNS.get("/<id>/artifacts/<kind>")
def get_artifact(path: ByKind) -> Response:
    """Send evidence of a run: its screenshot, or its Playwright trace."""
    run = _run(path.id)
    kept = {artifact.kind: artifact.path for artifact in run.artifacts}
    if path.kind not in kept:
        known = ", ".join(sorted(kept)) or "nothing"
        raise Refused(404, f"this run kept {known}", known=sorted(kept))
    file = _confined(current_desk().config.journal.artifacts_folder, kept[path.kind])
    image = _IMAGES.get(file.suffix.lower())
    sent = send_file(
        file,
        mimetype=image or "application/octet-stream",
        as_attachment=image is None,
        download_name=f"{run.probe}-{run.started_at:%Y%m%dT%H%M%S}-{path.kind}{file.suffix}",
    )
    # What a target drew or wrote must never run with our origin's rights.
    sent.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return sent


def _run(run_id: str) -> Run:
    run = history.run(current_desk().journal, run_id)
    if run is None:
        raise Refused(404, "no such run: it may be older than journal.runs_keep_days; list /runs")
    return run


def _confined(folder: Path, relative: str) -> Path:
    gone = Refused(404, "the evidence is gone: only that of journal.artifacts_keep runs is kept")
    try:
        file = (folder / relative).resolve()
        inside = file.is_relative_to(folder.resolve()) and file.is_file()
    except (OSError, ValueError):  # a path that no file system takes
        raise gone from None
    if not inside:
        raise gone
    return file
