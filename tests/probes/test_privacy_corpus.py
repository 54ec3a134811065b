"""A page full of personal data: none of it is in anything that a failed run leaves behind."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import playwright
import pytest
from playwright.sync_api import Page

from config.schema import BrowserSpec, PrivacySpec
from probes.model import BLACK_OUT, Outcome, Run
from probes.runner import Runner
from tests.probes.conftest import Answer, Site, job

pytestmark = pytest.mark.browser

EMAIL, SSN, PHONE, MEMBER = "jane.planted@example.com", "123-45-6789", "(555) 123-4567", "MBR-77-X"
TYPED = "a word nobody may read"
PLANTED = (EMAIL, SSN, "123456789", PHONE, "555-123-4567", MEMBER, TYPED, "jane.planted", "VALUE")
PAGE = f"""<!doctype html><html><head><title>Case of {EMAIL}</title>
<link rel=stylesheet href='/site.css?v=12'><script src='/own.js?me=VALUE'></script></head><body>
<h1>Hello {EMAIL}, {SSN}</h1><p data-x='{PHONE}' title='{SSN}'>call {PHONE} or 555-123-4567</p>
<p id=own>{MEMBER}</p>
<form><label>Name <input id=name style='position:absolute;left:600px;top:40px;width:200px'></label>
<input id=set value='VALUE {EMAIL}'><textarea>VALUE {SSN}</textarea>
<select><option selected>VALUE</option></select>
<div contenteditable id=rich>VALUE {PHONE}</div></form>
<div id=host></div><iframe id=frame srcdoc="<input value='VALUE {EMAIL}'><p>{SSN}</p>"></iframe>
<va-text-input value='VALUE'></va-text-input>
<script>
window.done = false
host.attachShadow({{mode: 'open'}}).innerHTML = "<input value='VALUE'><p>{PHONE}</p>"
console.error('for', '{EMAIL}', {{ssn: '{SSN}'}})
history.replaceState(0, '', '?mail=' + encodeURIComponent('{EMAIL}') + '&seen=VALUE')
const ask = {{method: 'POST', headers: {{'X-Mail': '{EMAIL}'}}, body: 'ssn={SSN}&VALUE'}}
fetch('/api?ssn={SSN}&name=VALUE', ask).then(a => a.json()).then(a => {{
  fetch('/absent/{EMAIL}?ssn={SSN}').then(() => {{ window.done = true }})
}})
</script></body></html>"""
API = {"mail": EMAIL, "ssn": 123456789, "nested": [{"phone": PHONE, "also": "555-123-4567"}]}
#: What each of the page's fields covers, from its own middle.
MIDDLES = """() => {
  const all = [...document.querySelectorAll('input, textarea, select, [contenteditable]'),
               host.shadowRoot.querySelector('input')]
  const middle = (each, x, y) => { const box = each.getBoundingClientRect()
    return [x + box.x + box.width / 2, y + box.y + box.height / 2] }
  const frame = document.querySelector('iframe'), at = frame.getBoundingClientRect()
  const inner = frame.contentDocument.querySelector('input')
  return [...all.map(each => middle(each, 0, 0)),
          middle(inner, at.x + frame.clientLeft, at.y + frame.clientTop)]
}"""
COLOURS = """async (places) => {
  const image = document.querySelector('img')
  const pen = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext('2d')
  pen.drawImage(await createImageBitmap(image), 0, 0)
  return places.map(([x, y]) => [...pen.getImageData(x, y, 1, 1).data])
}"""


@pytest.fixture
def page(runner: Runner) -> Iterator[Page]:
    """A page of the runner's own browser: a thread can have one driver only."""
    page = (
        runner._warm_browser(BrowserSpec()).warm().new_page(viewport={"width": 1280, "height": 900})
    )
    yield page
    page.close()


@pytest.fixture
def planted(runner: Runner, site: Site, tmp_path: Path) -> Run:
    site.answers["/"] = Answer(PAGE, headers={"Set-Cookie": f"ssn={SSN}"})
    site.answers["/site.css"] = Answer("h1 { color: rgb(1, 2, 3) }", kind="text/css")
    own = f"window.me = ['{EMAIL}', '{MEMBER}']"
    site.answers["/own.js"] = Answer(own, kind="text/javascript")
    site.answers["/api"] = Answer(json.dumps(API), kind="application/json")
    privacy = PrivacySpec(patterns={"member": r"MBR-\d+-\w"}, black_out=("h1",))
    params = {"fill": {"Name": TYPED}, "say": f"to {EMAIL}"}
    return runner.execute(
        job(
            "enters_and_fails", site.target, params, trace=True, artifacts=tmp_path, privacy=privacy
        )
    )


def test_nothing_planted_is_in_the_record_or_in_any_byte_of_the_trace(
    planted: Run, tmp_path: Path
) -> None:
    assert planted.outcome is Outcome.FAILED
    assert [each.kind for each in planted.artifacts] == ["screenshot", "trace"]
    assert planted.artifact_problem == ""
    record = planted.to_json()
    assert [each for each in PLANTED if each in record] == []
    failed = {each.url.split("/", 3)[3] for each in planted.failed_requests}
    assert failed == {"absent/[email]?ssn=[masked]"}
    with zipfile.ZipFile(tmp_path / planted.artifacts[1].path) as archive:
        members = {name: archive.read(name).decode() for name in archive.namelist()}
    found = [
        (each, name, text[max(0, text.find(each) - 80) :][:200])
        for name, text in {**members, "names": str(list(members))}.items()
        for each in (*PLANTED, EMAIL.replace("@", "%40"))
        if each in text
    ]
    assert found == []
    whole = "".join(members.values())
    assert "Hello [email], [ssn]" in whole
    assert "rgb(1, 2, 3)" in whole
    headers = [
        json.loads(line)["snapshot"][side][kind]
        for line in members["trace.network"].splitlines()
        for side in ("request", "response")
        for kind in ("headers", "cookies")
    ]
    assert len(headers) >= 16
    assert not any(headers)
    assert "postData" not in members["trace.network"]


def test_fields_personal_text_and_what_an_operator_names_are_black_in_the_screenshot(
    planted: Run, tmp_path: Path, site: Site, page: Page
) -> None:
    page.goto(site.url)
    middles = page.evaluate(MIDDLES)
    for selector in ("h1", "p[title]", "#host p"):
        box = page.locator(selector).bounding_box()
        assert box is not None
        middles.append([box["x"] + 10, box["y"] + box["height"] / 2])
    assert len(middles) == 10
    picture = (tmp_path / planted.artifacts[0].path).read_bytes()
    site.answers["/picture.png"] = Answer(picture, kind="image/png")
    page.goto(f"{site.url}/picture.png")
    colours = page.evaluate(COLOURS, [*middles, [1270, 890]])
    assert colours[:-1] == [[0, 0, 0, 255]] * 10
    assert colours[-1] == [255, 255, 255, 255]


def test_a_masked_trace_opens_in_the_viewer_of_playwright(
    planted: Run, tmp_path: Path, page: Page
) -> None:
    viewer = Path(playwright.__file__).parent / "driver/package/lib/vite/traceViewer"

    class Quiet(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            if path.startswith("/trace.zip"):
                return str(tmp_path / planted.artifacts[1].path)
            return super().translate_path(path)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(viewer)))
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        page.goto(f"{url}/index.html?trace={url}/trace.zip")
        actions = page.get_by_test_id("actions-tree")
        actions.get_by_text("Fill").click(timeout=20_000)
        heading = page.locator("iframe[name=snapshot]:visible").content_frame.locator("h1")
        heading.wait_for(timeout=20_000)
        seen = (heading.inner_text(), actions.inner_text())
        colour = heading.evaluate("each => getComputedStyle(each).color")
    finally:
        server.shutdown()
        server.server_close()
    assert seen[0] == "Hello [email], [ssn]"
    assert "Navigate" in seen[1]
    assert colour == "rgb(1, 2, 3)"


@pytest.mark.parametrize("bad", ["div[", "div:nonsense(x)", ""])
def test_a_bad_selector_costs_the_screenshot_and_nothing_else(
    runner: Runner, site: Site, tmp_path: Path, bad: str
) -> None:
    site.answers["/"] = Answer("<!doctype html><h1>Here</h1>")
    privacy = PrivacySpec(black_out=("p", bad))

    run = runner.execute(
        job("opens", site.target, {"see": "Gone"}, artifacts=tmp_path, privacy=privacy)
    )

    assert run.outcome is Outcome.FAILED
    assert run.artifacts == ()
    assert run.artifact_problem.startswith(f"{BLACK_OUT}: privacy.black_out has no CSS selector")
    assert list(tmp_path.iterdir()) == []


def test_a_page_of_one_endless_word_still_has_its_picture(
    runner: Runner, site: Site, tmp_path: Path
) -> None:
    words = "".join(f"<p hidden>{word * 50_000}</p>" for word in ("a", "1", "555-", "a@", "+1 "))
    site.answers["/"] = Answer(f"<!doctype html><h1>Here</h1>{words}")

    run = runner.execute(job("opens", site.target, {"see": "Gone"}, artifacts=tmp_path, trace=True))

    assert [each.kind for each in run.artifacts] == ["screenshot", "trace"]
