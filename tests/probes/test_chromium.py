"""Which Chromium is found, how it is launched, and how one gets onto a bare machine.

Browsers, apt-get and sudo are scripts on disk, run for real; only Playwright's download, which
needs the internet, is played by a function.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import playwright
import psutil
import pytest
from playwright.sync_api import sync_playwright

from config.schema import BrowserSpec
from probes.chromium import BrowserMissing, execute, find, install, launch_args, sandboxed

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


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bare:
    return Bare(tmp_path, monkeypatch)


def refused() -> int:
    return 1


def never() -> int:
    raise AssertionError("nothing had to be fetched")


def test_each_place_hides_the_ones_after_it(bare: Bare) -> None:
    expected = [
        script(bare.bin / "chromium"),
        script(bare.bin / "chromium-headless-shell"),
        download(bare.downloads, f"chromium-{REVISION}"),
        download(bare.downloads, f"chromium_headless_shell-{REVISION}"),
        script(bare.home / "by-env"),
        script(bare.home / "by-config"),
    ]
    spec = BrowserSpec(executable=expected[-1])
    assert find(spec, {**bare.env, "TRIPFLAG_BROWSER": str(expected[-2])}) == expected[5]
    assert find(BrowserSpec(), {**bare.env, "TRIPFLAG_BROWSER": str(expected[-2])}) == expected[4]
    for place in (3, 2, 1, 0):
        assert find(BrowserSpec(), bare.env) == expected[place]
        expected[place].unlink()
    with pytest.raises(BrowserMissing):
        find(BrowserSpec(), bare.env)


def test_what_is_missing_is_said_with_every_place_and_the_remedy(bare: Bare) -> None:
    with pytest.raises(BrowserMissing) as caught:
        find(BrowserSpec(), bare.env)
    for part in (
        "browser.executable and TRIPFLAG_BROWSER are not set",
        f"download (revision {REVISION}) is not in {bare.downloads}",
        f"chromium-headless-shell nor chromium is on PATH ({bare.bin})",
        "run `tripflag browser install`",
    ):
        assert part in str(caught.value)


def test_the_error_survives_the_way_out_of_a_worker_process(bare: Bare) -> None:
    with pytest.raises(BrowserMissing) as caught:
        find(BrowserSpec(), bare.env)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301


@pytest.mark.parametrize("source", ["browser.executable", "TRIPFLAG_BROWSER"])
@pytest.mark.parametrize(
    ("name", "problem"), [("absent", "no such file exists"), ("plain", "that is not executable")]
)
def test_a_wrong_configured_path_is_an_error_though_another_browser_is_there(
    bare: Bare, source: str, name: str, problem: str
) -> None:
    script(bare.bin / "chromium")
    (bare.home / "plain").touch()
    path = bare.home / name
    spec, env = BrowserSpec(), {**bare.env, "TRIPFLAG_BROWSER": str(path)}
    if source == "browser.executable":
        spec, env = BrowserSpec(executable=path), bare.env
    with pytest.raises(BrowserMissing, match=problem) as caught:
        find(spec, env)
    assert f"{source} is {path}" in str(caught.value)


@pytest.mark.parametrize("other", [-1, 1])
def test_a_download_of_another_revision_than_playwrights_does_not_count(
    bare: Bare, other: int
) -> None:
    download(bare.downloads, f"chromium_headless_shell-{int(REVISION) + other}")
    with pytest.raises(BrowserMissing):
        find(BrowserSpec(), bare.env)


def test_a_download_that_was_cut_short_does_not_count(bare: Bare) -> None:
    download(bare.downloads, f"chromium_headless_shell-{REVISION}", complete=False)
    with pytest.raises(BrowserMissing):
        find(BrowserSpec(), bare.env)


def test_the_folder_of_downloads_follows_playwrights_own_variables(bare: Bare) -> None:
    name = f"chromium_headless_shell-{REVISION}"
    by_path = download(bare.home / "browsers", name)
    by_xdg = download(bare.home / "xdg" / "ms-playwright", name)
    env = {**bare.env, "XDG_CACHE_HOME": str(bare.home / "xdg")}
    assert find(BrowserSpec(), env) == by_xdg
    env |= {"PLAYWRIGHT_BROWSERS_PATH": "browsers", "INIT_CWD": str(bare.home)}
    assert find(BrowserSpec(), env) == by_path


def test_the_folder_of_downloads_is_the_one_that_the_driver_names(tmp_path: Path) -> None:
    """The rule in `find` is ours, so the driver itself is asked whether it still holds."""
    env = {**os.environ, "HOME": str(tmp_path)}
    for variable in ("XDG_CACHE_HOME", "PLAYWRIGHT_BROWSERS_PATH"):
        env.pop(variable, None)
    command = [str(DRIVER.parent / "node"), str(DRIVER / "cli.js"), "install", "--dry-run"]
    told = subprocess.run(
        [*command, "--only-shell", "chromium"], env=env, capture_output=True, text=True, check=True
    ).stdout
    made = download(tmp_path / ".cache" / "ms-playwright", f"chromium_headless_shell-{REVISION}")
    assert f"{made.parent.parent}\n" in told
    assert find(BrowserSpec(), {**env, "PATH": ""}) == made


def test_only_root_and_an_operator_who_says_so_lose_the_sandbox() -> None:
    plain = launch_args(BrowserSpec(), is_root=False)
    assert sandboxed(plain)
    assert not sandboxed(launch_args(BrowserSpec(), is_root=True))
    chosen = launch_args(BrowserSpec(args=("--no-sandbox", "--lang=de")), is_root=True)
    assert not sandboxed(chosen)
    assert chosen == (*plain, "--no-sandbox", "--lang=de")


def test_a_browser_that_is_there_is_left_alone(bare: Bare) -> None:
    browser = script(bare.bin / "chromium")
    assert bare.install(never) == browser
    assert bare.said == [f"Chromium is already here: {browser}"]


def test_playwrights_download_is_taken_where_it_can_be_had(bare: Bare) -> None:
    bare.give_apt()

    def fetch() -> int:
        download(bare.downloads, f"chromium_headless_shell-{REVISION}")
        return 0

    assert bare.install(fetch) == find(BrowserSpec(), bare.env)
    assert bare.apt_log() == []


@pytest.mark.parametrize("root", [True, False])
def test_debians_package_is_taken_where_the_download_is_refused(bare: Bare, root: bool) -> None:
    bare.give_apt()
    if not root:
        script(bare.bin / "sudo", 'shift; exec "$@"')
    assert bare.install(refused, root=root) == bare.bin / "chromium-headless-shell"
    update, installed = bare.apt_log()
    assert update == "noninteractive -qq update"
    assert installed.startswith("noninteractive install ")
    assert installed.endswith(" chromium-headless-shell")
    assert "--no-install-recommends" in installed
    assert any("did not work: Error: no route" in line for line in bare.said)


@pytest.mark.parametrize("sudo", ["absent", "wants a password"])
def test_without_the_right_to_install_the_command_for_root_is_said(bare: Bare, sudo: str) -> None:
    bare.give_apt()
    if sudo != "absent":
        script(bare.bin / "sudo", "exit 1")
    with pytest.raises(BrowserMissing, match="run as root: apt-get update && apt-get install") as e:
        bare.install(refused, root=False)
    assert str(e.value).endswith("chromium-headless-shell")
    assert bare.apt_log() == []


def test_the_library_that_playwrights_driver_lacks_is_installed(bare: Bare) -> None:
    bare.give_apt()
    script(bare.node, "echo node: error while loading shared libraries: libatomic.so.1 >&2; exit 1")
    browser = script(bare.bin / "chromium-headless-shell")
    assert bare.install(never) == browser
    assert bare.apt_log()[1].endswith(" libatomic1")
    assert "Playwright's driver does not start: node: error while loading" in bare.said[0]


def test_without_a_way_to_any_browser_the_error_says_what_a_person_can_do(bare: Bare) -> None:
    with pytest.raises(BrowserMissing, match=r"must be installed by hand: .* has no apt-get"):
        bare.install(refused)


def test_ubuntu_which_has_no_such_package_is_told_so(bare: Bare) -> None:
    refusal = "E: Unable to locate package chromium-headless-shell"
    script(bare.bin / "apt-get", f'[ "$1" = install ] || exit 0; echo "{refusal}" >&2; exit 100')
    with pytest.raises(BrowserMissing, match=refusal) as caught:
        bare.install(refused)
    assert "its chromium is a snap" in str(caught.value)


def test_a_package_that_does_not_start_is_not_called_installed(bare: Bare) -> None:
    bare.give_apt(package="echo libnss3.so: cannot open >&2; exit 127")
    with pytest.raises(BrowserMissing, match="none starts"):
        bare.install(refused)
    assert any("libnss3.so: cannot open" in line for line in bare.said)


def test_a_configured_browser_that_does_not_start_is_never_replaced(bare: Bare) -> None:
    bare.give_apt()
    broken = script(bare.home / "mine", "exit 3")
    with pytest.raises(BrowserMissing, match=f"{broken} is configured, but does not start"):
        bare.install(never, BrowserSpec(executable=broken))
    assert bare.apt_log() == []


def test_a_command_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    done = execute(["/bin/sh", "-c", f"sleep 600 & echo $! >{told}; wait"], 1.0)
    assert (done.returncode, done.stderr) == (124, "not done within 1 s")
    child = int(told.read_text())
    if psutil.pid_exists(child):
        psutil.Process(child).wait(timeout=10)


def test_a_command_that_is_not_there_is_a_return_code(tmp_path: Path) -> None:
    assert execute([str(tmp_path / "absent")], 5).returncode == 127


@pytest.mark.browser
def test_the_browser_of_this_machine_is_found_and_starts() -> None:
    spec = BrowserSpec()
    args = launch_args(spec, is_root=os.geteuid() == 0)
    with sync_playwright() as p:
        browser = p.chromium.launch(
            executable_path=find(spec), args=list(args), chromium_sandbox=sandboxed(args)
        )
        assert int(browser.version.split(".")[0]) > 100
        browser.close()
