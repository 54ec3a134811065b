"""The detector itself: each of its checks, before a page that is unsafe on purpose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Route

from tests.hostile.corpus import MARK
from tests.hostile.detector import Detector, Harmless, Sight

pytestmark = pytest.mark.browser

URL = "http://page.test/"
SAFE = (
    "<!doctype html><html lang=en><title>Ours</title>"
    "<script type=module src=/static/0123456789abcdef/live.js></script>"
    "<main><p id=said>words</p></main>"
)
LIVE = "export async function refresh() { document.querySelector('main').append(' anew'); }"

#: What is on the page beside what is ours, and what the detector must say of it.
UNSAFE = (
    ("<script>alert('x')</script>", "a dialog: x"),
    (f"<script>window.{MARK} = 1</script>", f"a mark: {MARK}"),
    (f"<script>Object.prototype.{MARK} = 1</script>", f"a mark: {MARK}"),
    (f"<script>console.log('{MARK}')</script>", f"the console: {MARK}"),
    ("<script>throw new Error('x')</script>", "an exception: x"),
    ("<script>import('/nowhere.js')</script>", "a request: http://page.test/nowhere.js"),
    ("<img alt='' src=/canary.png>", "a request: http://page.test/canary.png"),
    ("<img alt='' src=http://evil.test/x>", "a request: http://evil.test/x"),
    ("<script>open('/static/x.js')</script>", "another window: "),
    ("<meta http-equiv=refresh content='0;url=/static/x.html'>", "a navigation: "),
    ("<script>history.replaceState(0, '', '/other')</script>", "another address: "),
    ("<script>document.title = 'Mine'</script>", "a title: Mine"),
    ("<p style='color:red'>x</p>", "an element: p style=color:red"),
    ("<b onclick='x()'>x</b>", "an element: b onclick=x()"),
    ("<a href='javascript:x()'>x</a>", "an element: a href=javascript:"),
    (
        "<a href='//evil.test/'>x</a>",
        "an element: a href=http://elsewhere",
    ),
    ("<iframe srcdoc='x' title=x></iframe>", "an element: iframe srcdoc=x"),
    ("<form action=/static/x id=f></form>", "an element: form action=http: id=f"),
    (
        "<script>b = document.createElement('base'); document.head.append(b); b.remove()</script>",
        "for a moment: base",
    ),
    ("<p id=said>mine</p>", "twice the id: said"),
    ("<div><nobr>" + "wide " * 300 + "</nobr></div>", " px too wide"),
    ("<p>51724863</p>", "a template was filled in"),
    ("<p>abc\u202edef</p>", "a character that is not seen: "),
    ("<p title='\u200b'>x</p>", "a character that is not seen: "),
    ("<link rel=stylesheet href=/static/x.css>", "for a moment: link"),
    ("<script>document.querySelector('main').remove()</script>", "it cannot update itself: "),
)


@pytest.fixture
def detector(browser: Browser) -> Iterator[Detector]:
    context = browser.new_context(viewport={"width": 360, "height": 800})
    yield Detector(context)
    context.close()


def look(detector: Detector, more: str, headers: dict[str, str] | None = None) -> Sight:
    def answer(route: Route) -> None:
        if route.request.url != URL:
            body = LIVE if route.request.url.endswith("live-page.js") else ""
            route.fulfill(body=body, content_type="text/javascript")
        else:
            route.fulfill(
                body=SAFE + more, content_type="text/html; charset=utf-8", headers=headers
            )

    detector.page.unroute_all()
    detector.page.route("**", answer)
    return detector.look(URL)


@pytest.fixture
def harmless(detector: Detector) -> Harmless:
    learnt = Harmless()
    learnt.learn(look(detector, ""))
    return learnt


def test_a_safe_page_is_no_trouble(detector: Detector, harmless: Harmless) -> None:
    assert look(detector, "").against(harmless) == []


def test_each_way_in_which_a_page_is_unsafe_is_told(detector: Detector, harmless: Harmless) -> None:
    missed = []
    for more, says in UNSAFE:
        told = look(detector, more).against(harmless)
        if not any(says in each for each in told):
            missed.append(f"{more}: {says!r} is not in {told}")
    assert not missed, "\n".join(missed)


def test_what_the_policy_stops_is_told_too(detector: Detector, harmless: Harmless) -> None:
    policy = {"Content-Security-Policy": "default-src 'none'; script-src 'self'"}
    told = look(detector, "<script>window.x = 1</script>", policy).against(harmless)
    assert any(each.startswith("against the policy: script-src-elem: inline") for each in told)
