"""Host, Origin and content type: what another site's page could make a browser send."""

from __future__ import annotations

import html

import pytest
from flask.testing import FlaskClient

from daemon.web import assets
from tests.web.conftest import FLAG, GUARD, Build, Room

TRIP = f"/api/v1/guards/{GUARD}/trip"


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8700", "127.0.0.1:8700", "127.9.9.9", "[::1]:8700", "localhost."],
)
def test_loopback_names_are_ours(client: FlaskClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/api/v1/guards"])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.7", "[::1", "localhost@evil.example"]
)
def test_a_name_that_somebody_made_resolve_to_us_is_refused(
    client: FlaskClient, path: str, host: str
) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert "add it to web.allowed_hosts" in answer.text


def test_an_allowed_host_and_the_host_we_listen_on_are_ours(build: Build) -> None:
    web = {"allowed_hosts": ["Trip.example"], "host": "10.0.0.7", "tokens": {"operator": "x" * 20}}
    client = build(web=web).app().test_client()
    for host in ("trip.example", "TRIP.EXAMPLE:443", "10.0.0.7:8700"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "http://localhost:9999",
        "http://localhost.evil.example",
        "http://[::1",
        "http://localhost:port",
        "file://",
    ],
)
def test_a_post_from_another_origin_changes_nothing(room: Room, origin: str) -> None:
    client = room.app().test_client()
    answer = client.post(TRIP, json={"reason": "mine"}, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "another origin" in answer.json["detail"]
    assert room.flag() == "on"


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8700", "localhost:8700"),
        ("http://localhost", "localhost:80"),
        ("https://localhost", "localhost"),
        ("https://localhost", "LOCALHOST:443"),
    ],
)
def test_a_post_from_the_dashboard_itself_is_taken(room: Room, origin: str, host: str) -> None:
    headers = {"Origin": origin, "Host": host}
    answer = room.app().test_client().post(TRIP, json={"reason": "mine"}, headers=headers)
    assert answer.status_code == 200
    assert room.flag() == "off"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_a_body_that_a_form_could_send_is_refused(room: Room, content_type: str | None) -> None:
    client = room.app().test_client()
    answer = client.post(TRIP, data='{"reason": "mine"}', content_type=content_type)
    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json["detail"]
    assert room.flag() == "on"


@pytest.mark.parametrize("path", [f"/api/v1//flags/{FLAG}/disable", "/api//v1/guards", "/api/../"])
def test_an_odd_spelling_of_a_path_is_no_way_around_the_token(locked: Room, path: str) -> None:
    client = locked.app().test_client()
    assert client.get(path).status_code in (308, 401, 404)
    assert client.post(path, json={"reason": "mine"}).status_code in (308, 401, 404)
    assert locked.flag() == "on"


def test_without_a_token_only_this_machine_is_served(client: FlaskClient) -> None:
    for path in ("/", "/api/v1/guards"):
        answer = client.get(path, environ_base={"REMOTE_ADDR": "10.0.0.7"})
        assert answer.status_code == 401
        assert "`tripflag token create NAME --role admin`" in html.unescape(answer.text)


def test_every_answer_carries_the_headers_that_keep_it_harmless(client: FlaskClient) -> None:
    ours = f"{assets.static_path()}/base.css"
    for path in ("/", "/healthz", "/api/v1/overview", "/nothing", ours):
        headers = client.get(path, buffered=True).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in headers


def test_behind_a_proxy_of_this_machine_nobody_is_let_in_without_a_token(build: Build) -> None:
    """Its clients all come from loopback; only the name that they asked for tells them apart."""
    client = build(web={"allowed_hosts": ["trip.example"]}).app().test_client()
    for path in ("/api/v1/guards", "/", "/settings"):
        answer = client.get(path, headers={"Host": "trip.example"})
        assert answer.status_code == 401
        assert "tripflag token create" in answer.text
        assert client.get(path, headers={"Host": "localhost"}).status_code == 200
