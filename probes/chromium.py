"""Which Chromium the probes drive, with which switches, and how one gets onto the machine.

Standard library only, so that the command line can say what is missing before Playwright loads.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from config.schema import BrowserSpec
from probes.model import ProbeError

REMEDY = "run `tripflag browser install`, or set browser.executable or TRIPFLAG_BROWSER"
NO_SANDBOX = "--no-sandbox"
PACKAGE = "chromium-headless-shell"
# The node inside Playwright's wheel is linked to it; Debian's minimal systems lack it.
NODE_LIBRARY = "libatomic1"
# The shell starts about twice as fast as full Chromium, so it is looked for first.
COMMANDS = (PACKAGE, "chromium")

# Nothing but the journey may use the network or the disk while a run is measured. Playwright sets
# most of these too; they are named here because the figures depend on them.
SWITCHES = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
)

# Folder prefix of a download of Playwright's, and where in it the executable lies per platform.
DOWNLOADS = {
    "chromium_headless_shell": ("chrome-headless-shell-*/chrome-headless-shell",),
    "chromium": (
        "chrome-linux*/chrome",
        "chrome-mac-*/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing",
    ),
}

PLAYWRIGHT = (sys.executable, "-m", "playwright")

# A hundred megabytes over a slow line; a machine without a way out is refused within seconds.
DOWNLOAD_TIMEOUT_S = 300.0
APT_TIMEOUT_S = 600.0
START_TIMEOUT_S = 30.0
# A freshly booted Ubuntu upgrades itself, and holds dpkg's lock meanwhile.
APT_OPTIONS = ("-qq", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120")

Execute = Callable[[Sequence[str], float], subprocess.CompletedProcess[str]]
Say = Callable[[str], object]


class BrowserMissing(ProbeError):
    """No Chromium that could be started; says where it was looked for, and the remedy."""

    def __init__(self, problem: str, remedy: str = REMEDY) -> None:
        # Both go to `args`, so that the error survives pickling on its way out of a worker.
        super().__init__(problem, remedy)
        self.problem, self.remedy = problem, remedy

    def __str__(self) -> str:
        return f"{self.problem}; {self.remedy}"


def find(spec: BrowserSpec, env: Mapping[str, str] = os.environ) -> Path:
    """Return the Chromium to drive; it is there and executable, but was not started.

    The first of: `spec.executable`, TRIPFLAG_BROWSER, Playwright's own download of the revision
    that it was built for, `chromium-headless-shell` on PATH, `chromium` on PATH.

    Raises:
        BrowserMissing: nothing was found, or a path that somebody configured is wrong: then
            another browser would hide the mistake, and change what is measured.
    """
    if (found := _search(spec, env)) is not None:
        return found
    raise BrowserMissing(
        "no Chromium found: browser.executable and TRIPFLAG_BROWSER are not set, Playwright's "
        f"download (revision {_revision() or 'unknown'}) is not in {_downloads_folder(env)}, and "
        f"neither {' nor '.join(COMMANDS)} is on PATH ({env.get('PATH', os.defpath)})"
    )


def find_full(spec: BrowserSpec, env: Mapping[str, str] = os.environ) -> Path:
    """Return a Chromium that can show a window: the headless shell cannot.

    Raises:
        BrowserMissing: there is none, or the configured one is the headless shell.
    """
    found = _configured(spec, env)
    candidates = (found,) if found else (*_downloaded(env), *_on_path_each(env))
    for candidate in candidates:
        # A wrapper may have any name; those of Playwright's and Debian's shells tell.
        if "headless" not in candidate.resolve().name:
            return candidate
    seen = f"{found} is the headless shell" if found else "no full Chromium is here"
    raise BrowserMissing(
        f"{seen}, and only a full one shows a window",
        "run `python -m playwright install chromium`, or install the package `chromium`, or set "
        "TRIPFLAG_BROWSER to one",
    )


def launch_args(spec: BrowserSpec, *, is_root: bool) -> tuple[str, ...]:
    """Return Chromium's switches: the fixed ones, the sandbox's, then the operator's own.

    Chromium refuses its sandbox to root. Everywhere else it stays on, unless the operator wrote
    `--no-sandbox` into `browser.args`. Playwright turns it off by default, so a launch must also
    pass `chromium_sandbox=sandboxed(args)`.
    """
    root = (NO_SANDBOX,) if is_root else ()
    return tuple(dict.fromkeys((*SWITCHES, *root, *spec.args)))


def sandboxed(args: Sequence[str]) -> bool:
    """Tell whether a launch with these switches keeps Chromium's sandbox."""
    return NO_SANDBOX not in args


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
    node = env.get("PLAYWRIGHT_NODEJS_PATH") or str(_driver().parent / "node")
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
    if next(_downloaded(env), None) is not None:
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
    found = _search(spec, env)
    if found is None:
        return None
    # A download lacks the system's libraries on a fresh machine: present, yet it cannot start.
    tried = run((str(found), "--version"), START_TIMEOUT_S)
    if tried.returncode == 0:
        return found
    say(f"{found} does not start: {_last_line(tried.stderr)}")
    if found == _configured(spec, env):
        raise BrowserMissing(f"{found} is configured, but does not start", "mend or unset it")
    return None


def _search(spec: BrowserSpec, env: Mapping[str, str]) -> Path | None:
    return _configured(spec, env) or next(_downloaded(env), None) or _on_path(env)


def _configured(spec: BrowserSpec, env: Mapping[str, str]) -> Path | None:
    for source, value in (
        ("browser.executable", spec.executable),
        ("TRIPFLAG_BROWSER", env.get("TRIPFLAG_BROWSER")),
    ):
        if value:
            path = Path(value)
            if not path.is_file():
                raise BrowserMissing(f"{source} is {path}, and no such file exists")
            if not os.access(path, os.X_OK):
                raise BrowserMissing(f"{source} is {path}, and that is not executable")
            return path
    return None


def _downloaded(env: Mapping[str, str]) -> Iterator[Path]:
    """Yield Playwright's own browsers, the shell first, then the newest first.

    Where the installed Playwright tells its revision, no other counts: one left over from an older
    Playwright is further from its protocol than the system's, and `install` would not renew it.
    """
    folder, wanted = _downloads_folder(env), _revision()
    for prefix, places in DOWNLOADS.items():
        for download in sorted(folder.glob(f"{prefix}-*"), key=_number, reverse=True):
            # Playwright writes this file last: without it a download was cut short.
            complete = (download / "INSTALLATION_COMPLETE").exists()
            if complete and (wanted is None or download.name == f"{prefix}-{wanted}"):
                for place in places:
                    yield from (p for p in download.glob(place) if os.access(p, os.X_OK))


def _on_path(env: Mapping[str, str]) -> Path | None:
    return next(_on_path_each(env), None)


def _on_path_each(env: Mapping[str, str]) -> Iterator[Path]:
    path = env.get("PATH", os.defpath)
    found = (shutil.which(command, path=path) for command in COMMANDS)
    return (Path(executable) for executable in found if executable)


def _downloads_folder(env: Mapping[str, str]) -> Path:
    """Return where Playwright's driver keeps its downloads, by the driver's own rule."""
    if (chosen := env.get("PLAYWRIGHT_BROWSERS_PATH")) == "0":
        return _driver() / ".local-browsers"
    if chosen:
        return Path(env.get("INIT_CWD") or Path.cwd()) / chosen
    home = Path(env.get("HOME") or os.path.expanduser("~"))
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "ms-playwright"
    return Path(env.get("XDG_CACHE_HOME") or home / ".cache") / "ms-playwright"


def _driver() -> Path:
    package = importlib.util.find_spec("playwright")
    origin = package.origin if package is not None else None
    return Path(origin or "playwright").parent / "driver" / "package"


def _revision() -> str | None:
    """Return the Chromium revision that the installed Playwright was built for, if it tells."""
    try:
        browsers = json.loads((_driver() / "browsers.json").read_text())["browsers"]
        return next(str(b["revision"]) for b in browsers if b["name"] == "chromium")
    except (OSError, ValueError, LookupError, TypeError, StopIteration):
        return None


def _number(download: Path) -> int:
    digits = re.search(r"-(\d+)$", download.name)
    return int(digits[1]) if digits else -1


def _last_line(text: str | None) -> str:
    """Return the line that says most: the last one that speaks of an error, else the last."""
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"(E:|Error\b|.*error while loading)", line)]
    return (telling or lines or ["no reason given"])[-1][:300]
