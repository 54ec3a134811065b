"""How a Chromium gets onto a bare machine, and what is said where none does."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from config.schema import BrowserSpec
from probes.chromium import BrowserMissing, find
from probes.chromium_install import execute
from tests.probes.bare import REVISION, Bare, download, script


def refused() -> int:
    return 1


def never() -> int:
    raise AssertionError("nothing had to be fetched")


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
