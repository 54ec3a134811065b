"""Each state of the widget in a real browser, as the facts about the real one say."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.stage.conftest import MOUNT, POA, WIDGET_PAGE, Stage, Visitor

pytestmark = pytest.mark.browser


def test_a_signed_out_visitor_sees_an_alert_whose_every_word_is_in_a_shadow_root(
    visitor: Visitor,
) -> None:
    page = visitor.open()
    mount = page.locator(MOUNT)
    expect(
        mount.get_by_role("heading", name="Sign in with a verified account", level=3)
    ).to_be_visible()
    expect(mount.get_by_role("button", name="Sign in or create an account")).to_be_visible()
    expect(mount.get_by_role("link", name="Learn about creating an account")).to_have_attribute(
        "href", "https://www.va.gov/resources/creating-an-account-for-vagov"
    )
    assert mount.evaluate("node => node.textContent.trim() + node.innerText") == ""
    assert "Sign in with a verified account" not in page.content()
    assert mount.locator("va-alert-sign-in").get_attribute("variant") == "signInRequired"
    assert not visitor.asked(POA)
    assert not visitor.asked("/v0/user")
    assert visitor.errors == []


def test_the_sign_in_button_asks_for_the_login_modal_without_loading_a_page(
    visitor: Visitor,
) -> None:
    page = visitor.open()
    page.get_by_role("button", name="Sign in or create an account").click()
    expect(page).to_have_url(re.compile(r"\?next=loginModal&oauth="))
    dialog = page.get_by_role("dialog", name="Sign in")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    assert len(visitor.asked("/v0/feature_toggles")) == 1


def test_a_user_with_a_representative_sees_their_name_and_every_way_to_reach_them(
    visitor: Visitor,
) -> None:
    visitor.sign_in("representative")
    page = visitor.open()
    mount = page.locator(f"{MOUNT} .poa-display[aria-live=polite][aria-atomic=true]")
    expect(
        mount.get_by_role("heading", name="Your current accredited representative", level=3)
    ).to_be_visible()
    expect(mount.get_by_role("heading", name="Pat Q. Example", level=4)).to_be_visible()
    address = mount.get_by_role(
        "link", name="500 Example Ave, Suite 12, Springfield, IL 62701 (opens in a new tab)"
    )
    expect(address).to_have_attribute("target", "_blank")
    expect(address).to_have_attribute("href", re.compile(r"^https://maps\.google\.com\?daddr=500"))
    expect(mount.get_by_role("link", name="pat@example.com")).to_have_attribute(
        "href", "mailto:pat@example.com"
    )
    expect(mount.get_by_role("link", name="217-555-0134, ext. 22")).to_have_attribute(
        "href", "tel:+12175550134,22"
    )
    expect(
        mount.get_by_role("link", name="Learn about accredited representatives")
    ).to_have_attribute("href", "https://www.va.gov/resources/va-accredited-representative-faqs/")
    for name in ("address", "email", "phone"):
        expect(mount.get_by_role("img", name=f"Representative {name}")).to_be_visible()
    assert visitor.errors == []


def test_the_download_is_a_vcard_of_the_representative(visitor: Visitor) -> None:
    visitor.sign_in("representative")
    page = visitor.open()
    link = page.get_by_role(
        "link", name="Download your accredited representative's contact information"
    )
    href = link.get_attribute("href")
    assert href is not None
    assert href.startswith("blob:")
    with page.expect_download() as download:
        link.click()
    text = download.value.path().read_text()
    assert text.startswith("BEGIN:VCARD\nVERSION:3.0\nFN:Pat Q. Example\n")
    assert "EMAIL:pat@example.com" in text


def test_a_user_with_an_organization_sees_it_without_email_and_download(visitor: Visitor) -> None:
    visitor.sign_in("organization")
    page = visitor.open()
    mount = page.locator(MOUNT)
    expect(
        mount.get_by_role("heading", name="Your current Veteran Service Organization (VSO)")
    ).to_be_visible()
    expect(mount.get_by_role("heading", name="Example Veterans Society", level=4)).to_be_visible()
    expect(mount.get_by_role("link", name="217-555-0177")).to_be_visible()
    expect(mount.get_by_text("any accredited representative at this organization")).to_be_visible()
    expect(mount.get_by_role("link", name=re.compile("Download|@"))).to_have_count(0)


def test_a_user_without_a_representative_reads_so_after_a_200(visitor: Visitor) -> None:
    visitor.sign_in("no_representative")
    page = visitor.open()
    heading = page.locator(MOUNT).get_by_role(
        "heading", name="You don\u2019t have an accredited representative", level=3
    )
    expect(heading).to_be_visible()
    (answer,) = visitor.answers(POA)
    assert answer.status == 200
    assert answer.json() == {"data": {}}


def test_the_user_is_asked_for_before_the_representative_and_toggles_only_once(
    visitor: Visitor,
) -> None:
    visitor.sign_in("representative")
    page = visitor.open()
    expect(page.get_by_role("heading", name="Pat Q. Example")).to_be_visible()
    paths = [request.url.removeprefix(visitor.stage.url) for request in visitor.sent]
    assert paths.index("/v0/user") < paths.index(POA)
    (toggles,) = visitor.asked("/v0/feature_toggles")
    (poa,) = visitor.asked(POA)
    assert "/v0/feature_toggles?&cookie_id=" in toggles.url
    assert toggles.headers["x-csrf-token"] == "null"
    assert poa.headers["x-key-inflection"] == "camel"


def test_an_unknown_user_cookie_counts_as_signed_out(visitor: Visitor) -> None:
    visitor.sign_in("stranger")
    page = visitor.open()
    expect(page.get_by_role("button", name="Sign in or create an account")).to_be_visible()
    assert not visitor.asked(POA)


@pytest.mark.parametrize("user", [None, "representative"])
def test_flag_off_leaves_an_empty_node_no_request_and_a_working_page(
    visitor: Visitor, stage: Stage, user: str | None
) -> None:
    stage.flags["representative_status_enabled"] = False
    if user:
        visitor.sign_in(user)
    page = visitor.open()
    visitor.wait_for_toggles()
    expect(page.locator(f"{MOUNT}:empty")).to_have_count(1)
    assert page.locator(MOUNT).evaluate("node => node.childNodes.length") == 0
    assert not visitor.asked(POA)
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Get help from an accredited representative or VSO"
    )
    expect(page.get_by_role("link", name="How a disability claim works")).to_be_visible()


def test_an_open_page_notices_a_flip_only_when_it_is_loaded_again(
    visitor: Visitor, stage: Stage
) -> None:
    page = visitor.open()
    button = page.get_by_role("button", name="Sign in or create an account")
    expect(button).to_be_visible()
    stage.flags["representative_status_enabled"] = False
    expect(button).to_be_visible()
    page.reload()
    expect(page.locator(f"{MOUNT}:empty")).to_have_count(1)


def test_a_pinned_flipper_id_is_the_actor_and_a_missing_one_is_made_for_thirty_days(
    visitor: Visitor, stage: Stage
) -> None:
    page = visitor.open()
    visitor.wait_for_toggles()
    (made,) = [c for c in page.context.cookies() if c["name"] == "FLIPPER_ID"]
    assert stage.actors == [made["value"]]
    days = (made["expires"] - page.evaluate("Date.now() / 1000")) / 86400
    assert 29.9 < days <= 30
    page.context.add_cookies([{"name": "FLIPPER_ID", "value": "probe 7&x", "url": stage.url}])
    stage.actors.clear()
    page.reload()
    page.wait_for_load_state("networkidle")
    assert stage.actors == ["probe 7&x"]


def test_every_script_obeys_a_csp_that_allows_only_our_own_files(visitor: Visitor) -> None:
    visitor.sign_in("representative")
    refused: list[str] = []
    visitor.page.on("console", lambda message: refused.append(message.text))
    page = visitor.open()
    expect(page.get_by_role("heading", name="Pat Q. Example")).to_be_visible()
    (answer,) = visitor.answers(WIDGET_PAGE)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert refused == []
