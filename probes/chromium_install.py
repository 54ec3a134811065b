"""How a Chromium that starts gets onto the machine: Playwright's download, or Debian's package.

Standard library only, as `probes.chromium`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from config.schema import BrowserSpec
from probes.chromium import PACKAGE, BrowserMissing, configured, downloaded, driver, search

# The node inside Playwright's wheel is linked to it; Debian's minimal systems lack it.
NODE_LIBRARY = "libatomic1"
PLAYWRIGHT = (sys.executable, "-m", "playwright")

# A hundred megabytes over a slow line; a machine without a way out is refused within seconds.
DOWNLOAD_TIMEOUT_S = 300.0
APT_TIMEOUT_S = 600.0
START_TIMEOUT_S = 30.0
# A freshly booted Ubuntu upgrades itself, and holds dpkg's lock meanwhile.
APT_OPTIONS = ("-qq", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120")

Execute = Callable[[Sequence[str], float], subprocess.CompletedProcess[str]]
Say = Callable[[str], object]


def execute(command: Sequence[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run a command to its end or its deadline; its output goes to our stderr, its errors back.

    Past the deadline the command and all that it started in its group are killed, and the return
    code is 124, as `timeout` has it; 127 means that it could not be started.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - only fixed commands and the browser found
            command,
            stdin=subprocess.DEVNULL,
            stdout=2,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as cause:
        return subprocess.CompletedProcess(command, 127, stderr=str(cause))
    with process:
        try:
            _, errors = process.communicate(timeout=timeout_s)
        except BaseException as end:
            # What sudo started is not ours to kill: then the `with` waits for it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(end, subprocess.TimeoutExpired):
                raise
            errors = f"not done within {timeout_s:g} s"
            return subprocess.CompletedProcess(command, 124, stderr=errors)
    return subprocess.CompletedProcess(command, process.returncode, stderr=errors)


def install(
    spec: BrowserSpec | None = None,
    env: Mapping[str, str] = os.environ,
    *,
    run: Execute = execute,
    say: Say = lambda line: print(line, file=sys.stderr, flush=True),  # noqa: T201
    is_root: bool | None = None,
) -> Path:
    """Make sure that a Chromium and Playwright's driver start. Where they do, do nothing more.

    Tries Playwright's download of its headless shell, then Debian's package.

    Args:
        say: gets one line of progress at a time.
        is_root: None asks the system.

    Raises:
        BrowserMissing: none of the ways worked; the remedy names the command for a person.
    """
    spec = spec or BrowserSpec()
    root = os.geteuid() == 0 if is_root is None else is_root
    node = env.get("PLAYWRIGHT_NODEJS_PATH") or str(driver().parent / "node")
    if (tried := run((node, "-e", "0"), START_TIMEOUT_S)).returncode != 0:
        say(f"Playwright's driver does not start: {_last_line(tried.stderr)}")
        _as_root(("apt-get", "install", *APT_OPTIONS, NODE_LIBRARY), env, run, say, is_root=root)
    if (ready := _ready(spec, env, run, say)) is not None:
        say(f"Chromium is already here: {ready}")
        return ready
    say(f"Fetching Playwright's headless Chromium (at most {DOWNLOAD_TIMEOUT_S:g} s) ...")
    done = run((*PLAYWRIGHT, "install", "--only-shell", "chromium"), DOWNLOAD_TIMEOUT_S)
    if done.returncode != 0:
        say(f"Playwright's download did not work: {_last_line(done.stderr)}")
    elif (ready := _ready(spec, env, run, say)) is not None:
        return ready
    command: tuple[str, ...] = ("apt-get", "install", *APT_OPTIONS, PACKAGE)
    if next(downloaded(env), None) is not None:
        command = (*PLAYWRIGHT, "install-deps", "chromium")
    _as_root(command, env, run, say, is_root=root)
    if (ready := _ready(spec, env, run, say)) is not None:
        return ready
    raise BrowserMissing("a Chromium was installed, but none starts (the lines above say why)")


def _as_root(
    command: tuple[str, ...], env: Mapping[str, str], run: Execute, say: Say, *, is_root: bool
) -> None:
    """Install system packages by `command`, or say what a person must do."""
    path, by_hand = env.get("PATH", os.defpath), shlex.join(command)
    if shutil.which("apt-get", path=path) is None:
        raise BrowserMissing(
            "Chromium must be installed by hand: its download does not work (the lines above say "
            "why), and this machine has no apt-get",
            "then set browser.executable or TRIPFLAG_BROWSER",
        )
    prefix: tuple[str, ...] = ("env", "DEBIAN_FRONTEND=noninteractive")
    if not is_root:
        prefix = ("sudo", "-n", *prefix)
        if shutil.which("sudo", path=path) is None or run((*prefix, "true"), 10).returncode != 0:
            raise BrowserMissing(
                "no right to install packages", f"run as root: apt-get update && {by_hand}"
            )
    say("Reading apt's package lists ...")
    update = run((*prefix, "apt-get", "-qq", "update"), APT_TIMEOUT_S)
    if update.returncode != 0:
        # Not the end: an unreachable third-party source fails the update, not Debian's package.
        say(f"apt-get update: {_last_line(update.stderr)}")
    say(f"Running {by_hand} ...")
    done = run((*prefix, *command), APT_TIMEOUT_S)
    if done.returncode != 0:
        raise BrowserMissing(
            f"{by_hand} failed: {_last_line(done.stderr)}",
            "where there is no such package (Ubuntu: its chromium is a snap) Playwright's download "
            "must be reachable; or set browser.executable or TRIPFLAG_BROWSER",
        )


def _ready(spec: BrowserSpec, env: Mapping[str, str], run: Execute, say: Say) -> Path | None:
    """Return the Chromium that `find` chooses if it starts; a wrong configuration raises."""
    found = search(spec, env)
    if found is None:
        return None
    # A download lacks the system's libraries on a fresh machine: present, yet it cannot start.
    tried = run((str(found), "--version"), START_TIMEOUT_S)
    if tried.returncode == 0:
        return found
    say(f"{found} does not start: {_last_line(tried.stderr)}")
    if found == configured(spec, env):
        raise BrowserMissing(f"{found} is configured, but does not start", "mend or unset it")
    return None


def _last_line(text: str | None) -> str:
    """Return the line that says most: the last one that speaks of an error, else the last."""
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"(E:|Error\b|.*error while loading)", line)]
    return (telling or lines or ["no reason given"])[-1][:300]
