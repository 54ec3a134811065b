"""`tripflag new`: a journey from nothing or from a recording; it is checked, and it runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import run_command
from tests.cli.test_run import stage  # noqa: F401 - a fixture

PATH = "/get-help-from-accredited-representative/"
HEAD = "store: {{url: 'sqlite:///{folder}/f.sqlite'}}\njournal: {{path: {folder}/j.sqlite}}\n"


def recording(url: str) -> str:
    return f'''\
import re
from playwright.sync_api import Playwright, sync_playwright, expect


def run(playwright: Playwright) -> None:
    browser = playwright.chromium.launch(headless=False)
    context = browser.new_context()
    page = context.new_page()
    page.goto("{url}{PATH}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto("{url}{PATH}?again")
    expect(page).to_have_url("{url}{PATH}?again")
    page.close()

    # ---------------------
    context.close()
    browser.close()


with sync_playwright() as playwright:
    run(playwright)
'''


@pytest.mark.browser
@pytest.mark.parametrize("recorded", [True, False])
def test_a_new_journey_passes_the_check_and_runs_on_the_stage(
    stage: str,  # noqa: F811
    tmp_path: Path,
    recorded: bool,
) -> None:
    folder = tmp_path / "journeys"
    words = ["new", "mine", "--folder", str(folder)]
    if recorded:
        (tmp_path / "recorded.py").write_text(recording(stage))
        words += ["--from-codegen", str(tmp_path / "recorded.py")]
    made = run_command("", *words)
    assert made.exit_code == 0, made.output
    assert made.stderr == (
        f"wrote {folder / 'mine.py'}; paste this into your configuration, then check it:\n"
    )
    yaml = made.stdout
    if not recorded:
        yaml = yaml.replace("https://www.example.org  # the site's own address", f"{stage}/stage")
    file = tmp_path / "mine.yaml"
    file.write_text(HEAD.format(folder=tmp_path) + yaml)

    checked = run_command("", "check", str(file))
    assert (checked.exit_code, checked.stdout) == (
        0,
        f"{file}: 1 targets, 3 probes, 1 guards: good\n",
    ), checked.output
    ended = run_command("", "run", "mine", "--file", str(file))
    assert ended.exit_code == 0, ended.output
    first = f"open {PATH}" if recorded else "open the page"
    assert ended.stdout.splitlines()[0].endswith(first)
    if recorded:
        assert f"open {PATH}, time 2" in ended.stdout


def test_no_journey_is_overwritten_and_nothing_is_left_of_a_refusal(tmp_path: Path) -> None:
    words = ("new", "mine", "--folder", str(tmp_path))
    assert run_command("", *words).exit_code == 0
    text = (tmp_path / "mine.py").read_text()
    again = run_command("", *words)
    assert (again.exit_code, again.stdout) == (2, "")
    assert again.stderr == (
        f"{tmp_path / 'mine.py'} exists: take another name, or delete it yourself\n"
    )
    shipped = run_command("", "new", "assessment_flow", "--folder", str(tmp_path))
    assert shipped.stderr == ("a journey named 'assessment_flow' is shipped: take another name\n")
    assert shipped.exit_code == 2
    assert [each.name for each in tmp_path.iterdir()] == ["mine.py"]
    assert (tmp_path / "mine.py").read_text() == text


def test_a_bad_recording_a_bad_name_and_a_bad_folder_end_with_2(tmp_path: Path) -> None:
    script = tmp_path / "recorded.ts"
    script.write_text("import { test } from '@playwright/test';\n")
    words = ("--from-codegen", str(script), "--folder", str(tmp_path / "out"))
    bad = run_command("", "new", "mine", *words)
    assert bad.exit_code == 2
    assert bad.stderr.startswith("the recording is not Python (")
    script.write_bytes(b"\xff\xfe\x00")
    binary = run_command("", "new", "mine", *words)
    assert (binary.exit_code, binary.stderr) == (
        2,
        "the recording is no UTF-8 text: give what `playwright codegen` wrote\n",
    )
    assert run_command("", "new", "My Journey", "--folder", str(tmp_path / "out")).exit_code == 2
    inside = run_command("", "new", "mine", "--folder", str(script / "in"))
    assert (inside.exit_code, inside.stderr) == (
        2,
        f"cannot write into {script / 'in'}: Not a directory. Name another --folder\n",
    )
    assert not (tmp_path / "out").exists()


def test_the_document_has_the_warnings_that_people_get_on_standard_error(tmp_path: Path) -> None:
    script = tmp_path / "recorded.py"
    script.write_text(
        "def test_x(page):\n    page.goto('https://site.test/')\n"
        "    page.get_by_label('Password').fill('hunter2')\n"
    )
    words = ("--from-codegen", str(script), "--folder", str(tmp_path))
    told = json.loads(run_command("", "new", "one", *words, "--json").stdout)
    assert told["file"] == str(tmp_path / "one.py")
    assert "base_url: https://site.test\n" in told["yaml"]
    said = run_command("", "new", "two", *words).stderr
    assert said.startswith(f"warning: {told['warnings'][0]}\n")


def test_a_good_and_a_bad_file_are_checked_with_documents_too(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("targets: {site: {base_url: nonsense}}\n")
    bad = run_command("", "check", str(file), "--json")
    assert bad.exit_code == 2
    told = json.loads(bad.stdout)
    assert told["good"] is False
    assert any("base_url" in problem for problem in told["problems"])
    said = run_command("", "check", str(file)).stderr
    assert f"\n{file}:1: targets.site.base_url: must be an absolute http" in said
