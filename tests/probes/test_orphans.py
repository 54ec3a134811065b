"""Orphans are known by their mark and their descent, never by their name."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from probes import orphans
from tests.probes.conftest import wait_until
from tests.probes.pools import lives

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
#: Starts a sleeper in a session of its own, says its pid and leaves: the sleeper is an orphan.
ABANDON = (
    "import subprocess, sys; child = subprocess.Popen(sys.argv[1:], start_new_session=True, "
    "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); print(child.pid)"
)


@pytest.fixture
def owner() -> Iterator[str]:
    name = uuid.uuid4().hex
    yield name
    orphans.sweep(name, 0)


def abandoned(owner: str, command: list[str] = SLEEP) -> psutil.Process:
    marks = {**os.environ, orphans.OWNER: owner}
    said = subprocess.run(
        [sys.executable, "-c", ABANDON, *command], env=marks, check=True, capture_output=True
    ).stdout
    return psutil.Process(int(said))


def test_a_marked_orphan_is_killed_and_our_own_and_others_are_spared(owner: str) -> None:
    orphan, stranger = abandoned(owner), abandoned(f"not-{owner}")
    own = subprocess.Popen(SLEEP, env={**os.environ, orphans.OWNER: owner})
    try:
        assert orphans.sweep(owner, grace_s=0.1) == 1

        wait_until(lambda: not lives(orphan))
        assert lives(stranger)
        assert own.poll() is None
    finally:
        own.kill()
        own.wait(5)
        stranger.kill()


def test_a_frozen_orphan_is_killed_too(owner: str) -> None:
    orphan = abandoned(owner)
    orphan.suspend()

    assert orphans.sweep(owner, grace_s=0.1) == 1

    wait_until(lambda: not lives(orphan))


def test_what_an_orphan_started_without_the_mark_goes_with_it(owner: str, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    starts = (
        "import os, subprocess, sys, time; os.environ.pop('TRIPFLAG_OWNER'); "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "open(sys.argv[1], 'w').write(str(child.pid)); time.sleep(60)"
    )
    orphan = abandoned(owner, [sys.executable, "-c", starts, str(pid)])
    below = psutil.Process(int(wait_until(lambda: pid.exists() and pid.read_text())))

    assert orphans.sweep(owner, grace_s=0.1) == 2

    wait_until(lambda: not lives(orphan) and not lives(below))


def test_an_orphan_that_leaves_in_its_grace_is_not_counted(owner: str) -> None:
    orphan = abandoned(owner, [sys.executable, "-c", "import time; time.sleep(0.5)"])

    assert orphans.sweep(owner, grace_s=5) == 0

    assert not lives(orphan)


def test_killing_a_tree_spares_its_root(owner: str) -> None:
    code = f"import subprocess, time; subprocess.Popen({SLEEP!r}); time.sleep(60)"
    root = subprocess.Popen([sys.executable, "-c", code])
    try:
        child = wait_until(psutil.Process(root.pid).children)[0]

        assert orphans.kill_browsers(root.pid) == 0, "a child is a driver, not a browser"
        assert lives(child)
        assert orphans.kill_tree(root.pid) == 1
        wait_until(lambda: not lives(child))
        assert root.poll() is None
    finally:
        root.kill()
        root.wait(5)


def test_a_process_that_is_gone_has_no_tree_to_kill() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(5)

    assert orphans.kill_tree(gone.pid) == 0
