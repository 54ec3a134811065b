"""A machine without a browser: an empty PATH and an empty home, in which scripts play browsers.

apt-get and sudo are scripts on disk, run for real; only Playwright's download, which needs the
internet, is played by a function.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import playwright
import pytest

from config.schema import BrowserSpec
from probes.chromium_install import execute, install

DRIVER = Path(playwright.__file__).parent / "driver" / "package"
REVISION = next(
    browser["revision"]
    for browser in json.loads((DRIVER / "browsers.json").read_text())["browsers"]
    if browser["name"] == "chromium"
)


def script(path: Path, body: str = "echo Chromium 1.2.3") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def download(downloads: Path, name: str, *, complete: bool = True, body: str = "exit 0") -> Path:
    inner = {"chromium": "chrome-linux64/chrome"}.get(
        name.rsplit("-", 1)[0], "chrome-headless-shell-linux64/chrome-headless-shell"
    )
    if complete:
        (downloads / name).mkdir(parents=True)
        (downloads / name / "INSTALLATION_COMPLETE").touch()
    return script(downloads / name / inner, body)


class Bare:
    """A machine of its own: an empty folder on PATH and an empty home."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin, self.home = root / "bin", root / "home"
        self.downloads = self.home / ".cache" / "ms-playwright"
        self.bin.mkdir()
        self.home.mkdir()
        self.node = script(root / "node", "echo v1")
        self.env = {
            "PATH": str(self.bin),
            "HOME": str(self.home),
            "PLAYWRIGHT_NODEJS_PATH": str(self.node),
        }
        self.said: list[str] = []
        for command in ("env", "true"):
            (self.bin / command).symlink_to(str(shutil.which(command)))
        monkeypatch.setenv("PATH", str(self.bin))

    def give_apt(self, package: str = "echo Chromium 7") -> None:
        """An apt-get that logs its calls, and installs a browser that does what `package` says."""
        browser = self.bin / "chromium-headless-shell"
        script(
            self.bin / "apt-get",
            f'echo "$DEBIAN_FRONTEND $*" >>{self.bin}/apt.log\n'
            f'[ "$1" = install ] || exit 0\n'
            f"printf '#!/bin/sh\\n{package}\\n' >{browser}; /bin/chmod 755 {browser}",
        )

    def apt_log(self) -> list[str]:
        log = self.bin / "apt.log"
        return log.read_text().splitlines() if log.exists() else []

    def install(
        self, fetch: Callable[[], int], spec: BrowserSpec | None = None, *, root: bool = True
    ) -> Path:
        def run(command: Sequence[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
            if list(command[1:3]) == ["-m", "playwright"]:
                code = fetch() if command[3] == "install" else 1
                return subprocess.CompletedProcess(command, code, stderr="Error: no route\n  at x")
            return execute(command, timeout_s)

        return install(spec, self.env, run=run, say=self.said.append, is_root=root)
