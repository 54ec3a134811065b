"""Which Chromium the probes drive, and with which switches.

Standard library only, so that the command line can say what is missing before Playwright loads.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from config.schema import BrowserSpec
from probes.model import ProbeError

REMEDY = "run `tripflag browser install`, or set browser.executable or TRIPFLAG_BROWSER"
NO_SANDBOX = "--no-sandbox"
PACKAGE = "chromium-headless-shell"
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
    if (found := search(spec, env)) is not None:
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
    found = configured(spec, env)
    candidates = (found,) if found else (*downloaded(env), *_on_path_each(env))
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


def search(spec: BrowserSpec, env: Mapping[str, str]) -> Path | None:
    """Return the Chromium that `find` would; None where none is here.

    Raises:
        BrowserMissing: a path that somebody configured is wrong.
    """
    return configured(spec, env) or next(downloaded(env), None) or _on_path(env)


def configured(spec: BrowserSpec, env: Mapping[str, str]) -> Path | None:
    """Return the Chromium that the configuration or the environment names; None: neither does.

    Raises:
        BrowserMissing: it is not there, or not executable.
    """
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


def downloaded(env: Mapping[str, str]) -> Iterator[Path]:
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
        return driver() / ".local-browsers"
    if chosen:
        return Path(env.get("INIT_CWD") or Path.cwd()) / chosen
    home = Path(env.get("HOME") or os.path.expanduser("~"))
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "ms-playwright"
    return Path(env.get("XDG_CACHE_HOME") or home / ".cache") / "ms-playwright"


def driver() -> Path:
    """Return the folder of Playwright's driver, whether it is there or not."""
    package = importlib.util.find_spec("playwright")
    origin = package.origin if package is not None else None
    return Path(origin or "playwright").parent / "driver" / "package"


def _revision() -> str | None:
    """Return the Chromium revision that the installed Playwright was built for, if it tells."""
    try:
        browsers = json.loads((driver() / "browsers.json").read_text())["browsers"]
        return next(str(b["revision"]) for b in browsers if b["name"] == "chromium")
    except (OSError, ValueError, LookupError, TypeError, StopIteration):
        return None


def _number(download: Path) -> int:
    digits = re.search(r"-(\d+)$", download.name)
    return int(digits[1]) if digits else -1
