"""Recordings of `playwright codegen`, in both synchronous flavours, become journeys."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from daemon.new_journey import NameTaken, new_journey, source_of
from probes.codegen import CodegenError, Recording, read_recording

SCRIPT = """\
import re
from playwright.sync_api import Playwright, sync_playwright, expect


def run(playwright: Playwright) -> None:
    browser = playwright.chromium.launch(headless=False)
    context = browser.new_context()
    page = context.new_page()
    page.goto("https://site.test/forms/?q=a%22b#top")
    page.get_by_role("textbox", name="Password").fill("hunter2")
    expect(page.get_by_role("heading", name=re.compile(r"^it's \\"x\\"$"))).to_be_visible()
    with page.expect_popup() as page1_info:
        page.get_by_role("link", name="Help").click()
    page1 = page1_info.value
    page1.get_by_role("button", name="Go").click()
    page1.close()
    page2 = context.new_page()
    page2.goto("https://elsewhere.test/x?y")
    page.goto("https://site.test")
    page.goto("https://site.test/")
    expect(page).to_have_url("https://site.test/done")
    page.close()

    # ---------------------
    context.close()
    browser.close()


with sync_playwright() as playwright:
    run(playwright)
"""

PYTEST = """\
import re
from playwright.sync_api import Page, expect


def test_example(page: Page) -> None:
    page.goto("https://site.test/forms/")
    page.get_by_role("button", name="Go").click()
    expect(page.locator("body")).to_match_aria_snapshot("- heading \\"Hi\\"\\n- text: it's")
"""


def journey_of(source: str) -> tuple[Recording, str]:
    recording = read_recording(source)
    text = source_of("mine", recording)
    ast.parse(text)
    return recording, text


def test_the_script_flavour_becomes_steps_at_each_page_that_is_opened() -> None:
    recording, text = journey_of(SCRIPT)
    assert recording.base_url == "https://site.test"
    assert text.split("def mine(page: Page, visit: Visit) -> None:\n")[1] == (
        '    """As it was recorded."""\n'
        '    with step("open /forms/"):\n'
        '        page.goto(visit.url("/forms/?q=a%22b#top"))\n'
        '        page.get_by_role("textbox", name="Password").fill("hunter2")\n'
        '        expect(page.get_by_role("heading", name=re.compile(\'^it\\\'s \\\\"x\\\\"$\')))'
        ".to_be_visible()\n"
        "        with page.expect_popup() as page1_info:\n"
        '            page.get_by_role("link", name="Help").click()\n'
        "        page1 = page1_info.value\n"
        '        page1.get_by_role("button", name="Go").click()\n'
        "        page1.close()\n"
        "        page2 = page.context.new_page()\n"
        '    with step("open https://elsewhere.test/x"):\n'
        '        page2.goto("https://elsewhere.test/x?y")\n'
        '    with step("open /"):\n'
        '        page.goto(visit.url("/"))\n'
        '    with step("open /, time 2"):\n'
        '        page.goto(visit.url("/"))\n'
        '        expect(page).to_have_url(visit.url("/done"))\n'
    )
    assert "import re\n" in text


def test_the_pytest_flavour_becomes_the_same_and_imports_no_more_than_it_needs() -> None:
    _, text = journey_of(PYTEST)
    assert "import re" not in text
    assert "from probes.journey import Page, Visit, expect, journey, step\n" in text
    assert '        page.get_by_role("button", name="Go").click()\n' in text


def test_what_was_typed_into_a_password_field_is_warned_of() -> None:
    (warning,) = journey_of(SCRIPT)[0].warnings
    assert warning.startswith("line 10: what was typed into page.get_by_role('textbox'")
    assert "hunter2" not in warning


@pytest.mark.parametrize(
    ("source", "given"),
    [
        (SCRIPT.replace("new_context()", "new_context(locale='de', **x)"), "locale, a device"),
        (
            "def browser_context_args(browser_context_args):\n    return {}\n\n" + PYTEST,
            "options of its own",
        ),
    ],
)
def test_options_of_the_recording_that_a_journey_does_not_have_are_warned_of(
    source: str, given: str
) -> None:
    assert journey_of(source)[0].warnings[0].startswith(f"recorded with {given}: ")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("await page.goto('https://x.test') //", "the recording is not Python ("),
        ("\0", "the recording is not Python ("),
        (SCRIPT.replace("def run", "async def run"), "the recording is asynchronous: "),
        ("", "the recording has no function with a page in it: "),
        ("def run(playwright):\n    pass\n", "the recording has no function with a page in it: "),
        ("def test_x(page):\n    page.click('a')\n", "the recording opens no page: "),
        (
            "def test_x(page):\n    page.goto('about:blank')\n",
            "the recording opens 'about:blank', which is no web page: ",
        ),
        (
            "def test_x(page):\n    page.goto('http://[')\n",
            "the recording opens 'http://[', which is no web page: ",
        ),
    ],
)
def test_what_is_no_recording_of_a_page_is_refused_with_the_remedy(source: str, says: str) -> None:
    with pytest.raises(CodegenError) as refused:
        read_recording(source)
    assert str(refused.value).startswith(says)
    assert str(refused.value).endswith("playwright codegen --target python -o FILE URL`")


def test_a_text_in_a_recording_is_never_run(tmp_path: Path) -> None:
    nasty = 'x"""); __import__("os").abort(); ("""'
    source = f"def test_x(page):\n    page.goto({f'https://site.test/{nasty}'!r})\n"
    _, text = journey_of(source)
    function = ast.parse(text).body[-1]
    assert isinstance(function, ast.FunctionDef)
    assert not [n for n in ast.walk(function) if isinstance(n, ast.Name) and "import" in n.id]


@pytest.mark.parametrize("name", ["", "Widget", "my-journey", "class", "../x", "a" * 64, "é"])
def test_a_name_that_no_journey_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(NameTaken, match="cannot be a journey's name"):
        new_journey(name, tmp_path, None, set())
    assert list(tmp_path.iterdir()) == []


def test_no_file_and_no_shipped_journey_is_overwritten(tmp_path: Path) -> None:
    file = new_journey("mine", tmp_path / "new", None, {"shipped"})
    text = file.read_text()
    with pytest.raises(NameTaken, match=r"mine\.py exists: take another name"):
        new_journey("mine", tmp_path / "new", None, set())
    assert file.read_text() == text
    with pytest.raises(NameTaken, match="'shipped' is shipped"):
        new_journey("shipped", tmp_path, None, {"shipped"})
