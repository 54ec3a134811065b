"""Signing in with a token into a session, what the session may, and when it ends."""

from __future__ import annotations

import hashlib
import html
import re
import threading
import time
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from daemon.audit import Signed
from daemon.bearer import Role
from daemon.web.attempts import Attempts
from daemon.web.caller import current_tokens
from daemon.web.problem import Refused
from tests.web.conftest import ADMIN, BOTH, GUARD, OPERATOR, VIEWER, Build, Room, bearer

ALL = {**BOTH, "admin": ADMIN}
TRIP = f"/api/v1/guards/{GUARD}/trip"


def csrf(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def sign_in(client: FlaskClient, token: str = OPERATOR, **fields: str) -> TestResponse:
    form = {"csrf_token": csrf(client.get("/sign-in")), "token": token, **fields}
    return client.post("/sign-in", data=form)


def says(page: TestResponse) -> str:
    found = re.search(r'role="alert"[^>]*>(.*?)</p>', page.text, re.S)
    assert found is not None
    return html.unescape(found[1])


@pytest.fixture
def client(locked: Room) -> FlaskClient:
    return locked.app().test_client()


@pytest.fixture
def inside(client: FlaskClient) -> FlaskClient:
    """Signed in as an operator."""
    assert sign_in(client).status_code == 303
    return client


def test_a_stranger_signs_in_and_arrives_where_they_wanted_to_go(client: FlaskClient) -> None:
    away = client.get("/incidents?guard=x&open=true")
    assert away.status_code == 303
    assert away.headers["Location"] == "/sign-in?next=%2Fincidents%3Fguard%3Dx%26open%3Dtrue"
    form = client.get(away.headers["Location"])
    assert 'name="next" value="/incidents?guard=x&amp;open=true"' in form.text
    done = sign_in(client, f"  {OPERATOR}\n", next="/incidents?guard=x&open=true")
    assert (done.status_code, done.headers["Location"]) == (303, "/incidents?guard=x&open=true")
    page = client.get("/")
    assert page.status_code == 200
    assert "operator, operator" in page.text


@pytest.mark.parametrize(
    ("path", "query", "after"),
    [
        ("/flags/what%3F", "", "/flags/what%3F"),
        ("/runs", "probe=page&x", "/runs?probe=page&x"),
        ("/runs", "probe=\xff", "/runs?probe=\ufffd"),  # no browser sends that, but anybody may
    ],
)
def test_a_strangers_way_back_is_written_as_a_url(
    client: FlaskClient, path: str, query: str, after: str
) -> None:
    away = client.get(path, environ_overrides={"QUERY_STRING": query})
    assert away.status_code == 303
    assert away.headers["Location"] == f"/sign-in?{urlencode({'next': after})}"


def test_a_session_reads_the_api_too(inside: FlaskClient) -> None:
    assert inside.get("/api/v1/guards").status_code == 200


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\x00",
        "evil.example",
        "",
        "//[",
        "/sign-in",
        "/sign-out",
    ],
)
def test_nobody_is_sent_to_another_site(client: FlaskClient, to: str) -> None:
    assert sign_in(client, next=to).headers["Location"] == "/"
    page = client.get(f"/sign-in?next={quote(to)}")
    assert 'name="next" value="/"' in page.text


def test_a_wrong_token_is_refused_in_place_and_never_shown_or_logged(
    client: FlaskClient,
) -> None:
    with capture_logs() as logs:
        page = sign_in(client, "wrong-token-9876", next="/runs")
    assert page.status_code == 401
    assert "the token is not known here" in says(page)
    assert "changed in web.tokens needs a restart" in says(page)
    assert 'name="next" value="/runs"' in page.text
    assert "wrong-token-9876" not in page.text
    assert [(line["event"], line["address"]) for line in logs] == [
        ("a token was refused", "127.0.0.1")
    ]
    assert "wrong-token-9876" not in str(logs)


def test_an_empty_token_is_no_attempt(client: FlaskClient) -> None:
    for _ in range(12):
        page = sign_in(client, "  ")
        assert page.status_code == 422
    assert "paste your token" in says(page)


def test_a_form_without_its_token_signs_nobody_in(client: FlaskClient) -> None:
    for form in ({}, {"csrf_token": "x"}, {"csrf_token": csrf(client.get("/sign-in")) + "x"}):
        page = client.post("/sign-in", data={**form, "token": OPERATOR})
        assert page.status_code == 400
        assert "reload the page" in says(page)
    assert client.get("/").status_code == 303


def test_a_form_of_another_visitor_signs_nobody_in(locked: Room) -> None:
    app = locked.app()
    mine, theirs = app.test_client(), app.test_client()
    mine.get("/sign-in")
    form = {"csrf_token": csrf(theirs.get("/sign-in")), "token": OPERATOR}
    assert mine.post("/sign-in", data=form).status_code == 400


def test_nothing_of_the_session_before_is_left_at_sign_in(client: FlaskClient) -> None:
    with client.session_transaction() as planted:
        planted["token"], planted["planted"] = "config:admin", True
    planted_csrf = csrf(client.get("/sign-in"))
    assert sign_in(client).status_code == 303
    with client.session_transaction() as session:
        assert "planted" not in session
        assert session["token"].endswith(":operator")
    old = {"csrf_token": planted_csrf}
    assert client.post("/sign-out", data=old).status_code == 400


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: FlaskClient) -> None:
    cookie = sign_in(client).headers["Set-Cookie"]
    assert cookie.startswith("tripflag_session=")
    assert "; HttpOnly" in cookie
    assert "; SameSite=Lax" in cookie
    assert "; Path=/" in cookie
    assert "Secure" not in cookie


def test_behind_tls_the_cookie_is_sent_over_tls_only(build: Build) -> None:
    web = {"tokens": BOTH, "public_url": "https://trip.example"}
    client = build(web=web).app().test_client()
    cookie = client.get("/sign-in", base_url="https://localhost").headers["Set-Cookie"]
    assert cookie.startswith("__Host-tripflag_session=")
    assert "; Secure" in cookie
    assert "Domain" not in cookie


def test_signing_out_ends_the_session_and_every_copy_of_its_cookie(inside: FlaskClient) -> None:
    copy = inside.get_cookie("tripflag_session")
    assert copy is not None
    out = inside.post("/sign-out", data={"csrf_token": csrf(inside.get("/sign-in"))})
    assert (out.status_code, out.headers["Location"]) == (303, "/sign-in")
    assert inside.get("/api/v1/guards").status_code == 401
    inside.set_cookie("tripflag_session", copy.value)
    assert inside.get("/api/v1/guards").status_code == 401
    assert inside.get("/").status_code == 303


@pytest.mark.parametrize(
    ("field", "age", "lives"),
    [
        ("at", timedelta(hours=11, minutes=59), True),
        ("at", timedelta(hours=12), False),
        ("seen", timedelta(hours=1, minutes=59), True),
        ("seen", timedelta(hours=2), False),
    ],
)
def test_a_session_ends_by_age_and_by_idleness(
    inside: FlaskClient, field: str, age: timedelta, lives: bool
) -> None:
    with inside.session_transaction() as session:
        session[field] = (datetime.now(UTC) - age).timestamp()
    assert inside.get("/api/v1/guards").status_code == (200 if lives else 401)
    page = inside.get("/")
    assert page.status_code == (200 if lives else 303)
    if not lives:
        told = inside.get(page.headers["Location"])
        assert "You are signed in no longer" in told.text


def test_reading_pages_keeps_a_session_from_going_idle(inside: FlaskClient) -> None:
    before = (datetime.now(UTC) - timedelta(minutes=90)).timestamp()
    with inside.session_transaction() as session:
        session["seen"] = before
    inside.get("/api/v1/guards")
    with inside.session_transaction() as session:
        assert session["seen"] == before  # a page that asks in the background is no person
    inside.get("/")
    with inside.session_transaction() as session:
        assert session["seen"] > before


def test_a_revoked_token_takes_its_sessions_along(build: Build) -> None:
    room = build(web={"tokens": {"admin": ADMIN}})
    app = room.app()
    client = app.test_client()
    made = client.post(
        "/api/v1/tokens", json={"name": "pat", "role": "operator"}, headers=bearer(ADMIN)
    ).json
    assert sign_in(client, made["secret"]).status_code == 303
    assert "pat, operator" in client.get("/").text
    client.delete("/api/v1/tokens/pat", json={"reason": "left us"}, headers=bearer(ADMIN))
    assert client.get("/api/v1/guards").status_code == 401
    told = client.get(client.get("/").headers["Location"])
    assert "You are signed in no longer: the token was revoked at" in told.text


@pytest.mark.parametrize("tokens", [{"operator": "another-0123456789"}, {"viewer": VIEWER}])
def test_a_token_changed_in_the_configuration_takes_its_sessions_along(
    locked: Room, inside: FlaskClient, tokens: dict[str, str]
) -> None:
    web = locked.config.web.model_validate({"tokens": tokens})
    locked.engine.reload(locked.config.model_copy(update={"web": web}))
    assert inside.get("/api/v1/guards").status_code == 401


def test_a_restart_signs_nobody_out(locked: Room, inside: FlaskClient) -> None:
    cookie = inside.get_cookie("tripflag_session")
    assert cookie is not None
    anew = locked.app().test_client()
    anew.set_cookie("tripflag_session", cookie.value)
    assert anew.get("/api/v1/guards").status_code == 200


def test_a_forged_cookie_is_nobody(client: FlaskClient, inside: FlaskClient) -> None:
    cookie = inside.get_cookie("tripflag_session")
    assert cookie is not None
    middle = len(cookie.value) // 2
    other = "A" if cookie.value[middle] != "A" else "B"
    client.set_cookie(
        "tripflag_session", cookie.value[:middle] + other + cookie.value[middle + 1 :]
    )
    assert client.get("/api/v1/guards").status_code == 401


def test_a_write_by_cookie_needs_the_forms_token_and_one_by_bearer_does_not(
    locked: Room, inside: FlaskClient
) -> None:
    why = {"reason": "we look"}
    refused = inside.post(TRIP, json=why)
    assert refused.status_code == 400
    assert "the form cannot be trusted" in refused.json["detail"]
    wrong = inside.post(TRIP, json=why, headers={"X-CSRF-Token": "wrong"})
    assert wrong.status_code == 400
    assert locked.flag() == "on"
    assert inside.post(TRIP, json=why, headers=bearer(OPERATOR)).status_code == 200
    token = csrf(inside.get("/sign-in"))
    more = {"X-CSRF-Token": token}
    done = inside.post(f"/api/v1/guards/{GUARD}/hold", json=why, headers=more)
    assert done.status_code == 200


def test_a_wrong_bearer_token_is_not_made_good_by_a_session(inside: FlaskClient) -> None:
    assert inside.get("/api/v1/guards", headers=bearer("wrong")).status_code == 401


def test_where_no_token_is_needed_there_is_nothing_to_sign_in_to(room: Room) -> None:
    client = room.app().test_client()
    answer = client.get("/sign-in?next=/runs")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/runs")
    # A form of another page must not act here either, only because everybody may.
    assert client.post("/tokens", data={"name": "pat", "role": "admin"}).status_code == 400
    assert client.get("/api/v1/tokens").json == {"tokens": []}


def test_too_many_wrong_tokens_shut_an_address_out_right_ones_too(client: FlaskClient) -> None:
    for _ in range(5):
        assert client.get("/api/v1/guards", headers=bearer("wrong")).status_code == 401
        assert sign_in(client, "wrong").status_code == 401
    answer = client.get("/api/v1/guards", headers=bearer(OPERATOR))
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert "too many wrong tokens came from 127.0.0.1: wait" in answer.json["detail"]
    page = sign_in(client)
    assert page.status_code == 429
    assert page.headers["Retry-After"]
    assert "too many wrong tokens" in says(page)
    other = {"REMOTE_ADDR": "10.0.0.7"}
    there = client.get("/api/v1/guards", headers=bearer(OPERATOR), environ_base=other)
    assert there.status_code == 200
    assert client.get("/healthz").status_code == 200


def test_a_session_goes_on_while_its_address_is_shut_out(inside: FlaskClient) -> None:
    for _ in range(11):
        inside.get("/api/v1/guards", headers=bearer("wrong"))
    assert inside.get("/api/v1/guards", headers=bearer("wrong")).status_code == 429
    assert inside.get("/api/v1/guards").status_code == 200


def test_a_token_that_we_made_is_let_in_where_somebody_else_guesses(locked: Room) -> None:
    """Behind a proxy all have one address: rubbish must not lock out who comes to stop a kill."""
    app = locked.app()
    client = app.test_client()
    with app.app_context():
        who = Signed("pat", "why")
        _, secret = current_tokens().create("root", Role.ADMIN, who, datetime.now(UTC))
    for _ in range(11):
        client.get("/api/v1/guards", headers=bearer("wrong"))
    assert client.get("/api/v1/guards", headers=bearer(OPERATOR)).status_code == 429
    assert client.get("/api/v1/guards", headers=bearer(secret)).status_code == 200
    assert sign_in(client, secret).status_code == 303
    with app.app_context():
        current_tokens().revoke("root", who, datetime.now(UTC), admin_configured=True)
    assert client.get("/api/v1/guards", headers=bearer(secret)).status_code == 429


def test_right_and_outlived_tokens_are_never_counted(locked: Room) -> None:
    app = locked.app()
    client = app.test_client()
    with app.app_context():
        now = datetime.now(UTC)
        _, secret = current_tokens().create("root", Role.ADMIN, Signed("pat", "why"), now)
        current_tokens().revoke("root", Signed("pat", "why"), now)
    for _ in range(12):
        assert client.get("/api/v1/guards", headers=bearer(VIEWER)).status_code == 200
        answer = client.get("/api/v1/guards", headers=bearer(secret))
        assert answer.status_code == 401
    assert re.match(r"the token was revoked at .* UTC by pat: ask", answer.json["detail"])


def test_addresses_of_one_ipv6_network_are_one(client: FlaskClient) -> None:
    for last in range(10):
        address = {"REMOTE_ADDR": f"2001:db8::{last:x}"}
        client.get("/api/v1/guards", headers=bearer("wrong"), environ_base=address)
    for address, status in (("2001:db8::ffff", 429), ("2001:db8:0:1::1", 200)):
        base = {"REMOTE_ADDR": address}
        answer = client.get("/api/v1/guards", headers=bearer(OPERATOR), environ_base=base)
        assert answer.status_code == status


def test_the_cookie_holds_no_secret_and_no_plain_digest(inside: FlaskClient) -> None:
    with inside.session_transaction() as session:
        kept = dict(session)
    assert set(kept) <= {"_permanent", "id", "token", "proof", "at", "seen", "csrf_token"}
    assert kept["proof"]
    digest = hashlib.sha256(OPERATOR.encode())
    for text in (OPERATOR, digest.hexdigest(), urlsafe_b64encode(digest.digest()).decode()[:40]):
        assert text not in str(kept)


def test_an_address_may_try_again_when_its_window_has_passed() -> None:
    attempts = Attempts("2/second")
    attempts.failed("10.0.0.7")
    attempts.check("10.0.0.7")
    attempts.failed("10.0.0.7")
    with pytest.raises(Refused, match="wait 1 s"):
        attempts.check("10.0.0.7")
    until, tick = time.monotonic() + 10, threading.Event()
    while time.monotonic() < until:
        try:
            attempts.check("10.0.0.7")
            break
        except Refused:
            tick.wait(0.05)
    attempts.check("10.0.0.7")
