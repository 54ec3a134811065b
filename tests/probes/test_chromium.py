"""Which Chromium is found, and how it is launched."""

from __future__ import annotations

import os
import pickle
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from config.schema import BrowserSpec
from probes.chromium import BrowserMissing, find, find_full, launch_args, sandboxed
from tests.probes.bare import DRIVER, REVISION, Bare, download, script


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


def test_a_window_is_shown_by_a_full_browser_only(bare: Bare) -> None:
    download(bare.downloads, f"chromium_headless_shell-{REVISION}")
    script(bare.bin / "chromium-headless-shell")
    with pytest.raises(BrowserMissing, match="no full Chromium is here"):
        find_full(BrowserSpec(), bare.env)
    on_path = script(bare.bin / "chromium")
    assert find_full(BrowserSpec(), bare.env) == on_path
    downloaded = download(bare.downloads, f"chromium-{REVISION}")
    assert find_full(BrowserSpec(), bare.env) == downloaded
    mine = script(bare.home / "mine")
    assert find_full(BrowserSpec(executable=mine), bare.env) == mine
    link = bare.home / "link"
    link.symlink_to(bare.bin / "chromium-headless-shell")
    with pytest.raises(BrowserMissing, match=f"{link} is the headless shell"):
        find_full(BrowserSpec(executable=link), bare.env)


def test_only_root_and_an_operator_who_says_so_lose_the_sandbox() -> None:
    plain = launch_args(BrowserSpec(), is_root=False)
    assert sandboxed(plain)
    assert not sandboxed(launch_args(BrowserSpec(), is_root=True))
    chosen = launch_args(BrowserSpec(args=("--no-sandbox", "--lang=de")), is_root=True)
    assert not sandboxed(chosen)
    assert chosen == (*plain, "--no-sandbox", "--lang=de")


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
