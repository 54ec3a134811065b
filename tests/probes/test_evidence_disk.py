"""A disk that is full, or a folder that cannot be written: the run goes on, and it says so."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from probes.model import DISK_FULL, NOT_WRITABLE, Outcome, Run
from probes.runner import Runner
from tests.probes.conftest import Answer, Site, job

pytestmark = pytest.mark.browser

#: A picture of one line, and a trace that no packing makes small.
LIMIT_BYTES = 50_000
NOISE = "".join(sha256(bytes([n // 256, n % 256])).hexdigest() for n in range(3_000))
PAGE = Answer(f"<!doctype html><h1>Here</h1><p hidden>{NOISE}</p>")


def failed(runner: Runner, site: Site, folder: Path, trace: bool = False) -> Run:
    site.answers["/"] = PAGE
    run = runner.execute(job("opens", site.target, {"see": "Gone"}, artifacts=folder, trace=trace))
    assert run.outcome is Outcome.FAILED
    assert "Gone" in run.reason
    return run


@contextmanager
def files_no_longer_than(limit_bytes: int) -> Iterator[None]:
    """Let every write of this process past a size fail, as on a disk that just became full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_screenshot_that_does_not_fit_leaves_no_part_of_it_behind(
    runner: Runner, site: Site, tmp_path: Path
) -> None:
    with files_no_longer_than(100):
        run = failed(runner, site, tmp_path)

    assert run.artifacts == ()
    assert run.artifact_problem.startswith(f"{DISK_FULL}: File too large at ")
    assert list(tmp_path.iterdir()) == []
    assert Run.from_json(run.to_json()) == run


def test_what_still_fits_is_kept_where_the_trace_does_not(
    runner: Runner, site: Site, tmp_path: Path
) -> None:
    # The driver is a process of its own that keeps its limits: it writes the trace, we clean it.
    with files_no_longer_than(LIMIT_BYTES):
        run = failed(runner, site, tmp_path, trace=True)

    assert [each.kind for each in run.artifacts] == ["screenshot"]
    assert run.artifact_problem.startswith(f"{DISK_FULL}: File too large at ")
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"screenshot.png"}


def test_a_file_in_the_folders_place_is_said(runner: Runner, site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("where a folder is wanted")

    run = failed(runner, site, tmp_path / "file", trace=True)

    assert run.artifacts == ()
    assert run.artifact_problem.startswith(f"{NOT_WRITABLE}: ")
    assert str(tmp_path / "file") in run.artifact_problem


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB, where this machine lets us mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a disk")
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let us mount a disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_and_the_next_run_with_room_keeps_its_evidence(
    runner: Runner, site: Site, small_disk: Path
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(60_000))

    full = failed(runner, site, small_disk, trace=True)
    ballast.unlink()
    again = failed(runner, site, small_disk)

    assert full.artifacts == ()
    assert full.artifact_problem.startswith(f"{DISK_FULL}: No space left on device at ")
    assert [each.kind for each in again.artifacts] == ["screenshot"]
    assert again.artifact_problem == ""
