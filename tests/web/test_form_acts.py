"""Forms: the API's acts from a page, for a browser without scripts."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from daemon import history
from tests.web.conftest import GUARD, OPERATOR, VIEWER, Room

HOLD = f"/acts/guards/{GUARD}/hold"


def token(client: FlaskClient, path: str = "/") -> str:
    """The CSRF token of a form on a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]


def send(client: FlaskClient, path: str = HOLD, **fields: str) -> TestResponse:
    form = {"csrf_token": token(client), "by": "pat", "reason": "we look", "back": "/", **fields}
    return client.post(path, data=form)


def alert(said: TestResponse) -> str:
    found = re.search(r'role="alert">(.*?)</p>', said.text, re.S)
    assert found is not None
    return found[1].replace("&#39;", "'")


def test_a_form_does_what_the_api_does_and_leads_back_with_a_word(
    room: Room, client: FlaskClient
) -> None:
    done = send(client, for_s="3600", back=f"/guards/{GUARD}?at=")
    assert (done.status_code, done.headers["Location"]) == (303, f"/guards/{GUARD}?at=")
    held = room.engine.state(GUARD).hold
    assert held is not None
    assert (held.by, held.reason) == ("pat", "we look")
    assert held.until is not None
    assert (held.until - held.since).total_seconds() == pytest.approx(3600, abs=1)
    assert "Held. It is in the audit." in client.get("/").text


def test_an_empty_field_is_one_that_was_left_out(room: Room, client: FlaskClient) -> None:
    assert send(client, for_s=" ").status_code == 303
    held = room.engine.state(GUARD).hold
    assert held is not None
    assert held.until is None


def test_a_refusal_keeps_its_status_says_why_and_loses_nothing_typed(client: FlaskClient) -> None:
    refused = send(client, reason="a long <b>story</b>", by="guard", back="/?x=1")
    assert refused.status_code == 422
    assert "by: `guard` is not a person: say who asks" in alert(refused)
    assert "a long &lt;b&gt;story&lt;/b&gt;" in refused.text
    assert 'href="/?x=1"' in refused.text
    assert "script-src 'self'" in refused.headers["Content-Security-Policy"]


def test_a_script_gets_the_refusal_as_the_api_says_it(client: FlaskClient) -> None:
    form = {"csrf_token": token(client), "by": "pat", "reason": "x"}
    refused = client.post(
        "/acts/guards/nobody/hold",
        data=form,
        headers={"Accept": "text/html, application/problem+json"},
    )
    assert refused.status_code == 404
    assert refused.json is not None
    assert "no guard is named 'nobody'" in refused.json["detail"]


def test_a_conflict_is_said_as_one(room: Room, client: FlaskClient) -> None:
    refused = send(client, f"/acts/guards/{GUARD}/release")
    assert refused.status_code == 409
    assert "release" in alert(refused)


def test_what_somebody_was_first_with_is_not_written(room: Room, client: FlaskClient) -> None:
    refused = send(client, if_match='"of before"')
    assert refused.status_code == 412
    assert "someone was first" in alert(refused)
    assert ">Look again<" in refused.text
    assert room.engine.state(GUARD).hold is None


def test_a_form_of_another_page_does_nothing(room: Room, client: FlaskClient) -> None:
    for forged in ("", "made-up"):
        refused = send(client, csrf_token=forged)
        assert refused.status_code == 400
        assert "the form cannot be trusted" in alert(refused)
        assert "reload the page" in alert(refused)
    other = client.post(HOLD, data={"csrf_token": token(client)}, headers={"Origin": "http://x.y"})
    assert other.status_code == 403
    assert room.engine.state(GUARD).hold is None


def test_nobody_is_led_to_another_site(client: FlaskClient) -> None:
    for back in ("//evil.test/", "https://evil.test/", "/\\evil.test", "/\t/evil.test", "x", "//["):
        assert send(client, back=back).headers["Location"] == "/", back


def test_a_field_of_json_reaches_the_api_as_what_it_is(room: Room, client: FlaskClient) -> None:
    done = send(client, **{"json:for_s": "60"})
    assert done.status_code == 303
    held = room.engine.state(GUARD).hold
    assert held is not None
    assert held.until is not None
    broken = send(client, **{"json:for_s": "{"})
    assert broken.status_code == 422
    assert alert(broken).startswith("for_s: is not JSON")


def test_a_form_that_is_sent_twice_is_done_once(room: Room, client: FlaskClient) -> None:
    keys = re.findall(r'name="idempotency_key" value="([^"]+)"', client.get("/").text)
    assert len(set(keys)) == len(keys) > 1
    for _ in range(2):
        assert send(client, idempotency_key=keys[0]).status_code == 303
    assert len(room.audited(f"guard {GUARD}")) == 1
    assert send(client, idempotency_key=keys[1]).status_code == 303
    assert len(room.audited(f"guard {GUARD}")) == 2


def test_a_method_that_is_none_is_refused_before_the_api_sees_it(client: FlaskClient) -> None:
    refused = send(client, method="TRACE")
    assert refused.status_code == 400
    assert alert(refused) == "method: must be one of DELETE, PATCH, POST, PUT"


def test_a_form_cannot_leave_the_api(room: Room, client: FlaskClient) -> None:
    for path in ("../../sign-out", "%2e%2e/%2e%2e/acts/guards", "nothing/here"):
        refused = send(client, f"/acts/{path}")
        assert refused.status_code in (404, 405), path


def test_a_flag_is_acted_on_whatever_its_name(room: Room, client: FlaskClient) -> None:
    name = "50%41 of us? #1"
    room.store.create(name, is_enabled=True)
    page = client.get(f"/flags/{quote(name)}").text
    assert f'name="back" value="/flags/{quote(name)}"' in page
    action = re.search(r'action="(/acts/flags/[^"]+/disable)"', page)
    assert action is not None
    assert send(client, action[1]).status_code == 303
    assert room.flag(name) == "off"


def test_a_page_that_is_not_there_is_said_as_a_page_to_a_browser(client: FlaskClient) -> None:
    lost = client.get("/nowhere", headers={"Accept": "text/html"})
    assert lost.status_code == 404
    assert "Tripflag" in lost.text
    assert lost.mimetype == "text/html"
    program = client.get("/api/v1/nowhere", headers={"Accept": "text/html"})
    assert program.mimetype == "application/problem+json"


def test_the_audit_says_who_acted_from_a_page(room: Room, client: FlaskClient) -> None:
    assert send(client, f"/acts/guards/{GUARD}/trip").status_code == 303
    rows = list(history.audit(room.journal))
    assert "pat" in {row.actor for row in rows}


def test_who_signed_in_acts_in_the_name_of_their_token(locked: Room) -> None:
    client = locked.app().test_client()
    form = {"csrf_token": token(client, "/sign-in"), "token": OPERATOR}
    assert client.post("/sign-in", data=form).status_code == 303
    assert "Who are you?" not in client.get("/").text
    form = {"csrf_token": token(client), "reason": "we look", "back": "/"}
    assert client.post(HOLD, data=form).status_code == 303
    held = locked.engine.state(GUARD).hold
    assert held is not None
    assert held.by == "operator"


def test_a_viewer_who_makes_up_a_form_is_refused_as_by_the_api(locked: Room) -> None:
    client = locked.app().test_client()
    form = {"csrf_token": token(client, "/sign-in"), "token": VIEWER}
    assert client.post("/sign-in", data=form).status_code == 303
    form = {"csrf_token": token(client, "/sign-in"), "reason": "we look"}
    refused = client.post(HOLD, data=form)
    assert refused.status_code == 403
    assert locked.engine.state(GUARD).hold is None


def test_nobody_who_is_not_signed_in_acts(locked: Room) -> None:
    client = locked.app().test_client()
    form = {"csrf_token": token(client, "/sign-in"), "reason": "we look"}
    refused = client.post(HOLD, data=form)
    assert refused.status_code in (303, 401)
    assert locked.engine.state(GUARD).hold is None
