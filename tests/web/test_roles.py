"""Every route against no token, a wrong one, the viewer's and the operator's."""

from __future__ import annotations

import pytest

from daemon.web.auth import FOR_APPLICATIONS
from tests.web.conftest import BOTH, FLAG, GUARD, OPERATOR, VIEWER, Build, Room, bearer

OPEN = {
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi/openapi.json",
    "/static/app.js",
}
NAMES = {"<name>": GUARD, "<id>": "run-0001", "<kind>": "trace", "<path:filename>": "app.js"}


def routes(room: Room) -> list[tuple[str, str]]:
    found = []
    for rule in room.app().url_map.iter_rules():
        if rule.endpoint.partition(".")[0] in FOR_APPLICATIONS:
            continue
        path = str(rule)
        for part, name in NAMES.items():
            path = path.replace(part, name)
        found += [(method, path) for method in (rule.methods or set()) - {"OPTIONS"}]
    return sorted(found)


def test_every_route_asks_for_the_role_that_it_needs(locked: Room) -> None:
    client = locked.app().test_client()
    seen: dict[tuple[str, str], tuple[int, ...]] = {}
    for method, path in routes(locked):
        answers = [
            client.open(
                path,
                method=method,
                json={} if method == "POST" else None,
                headers=headers,
                buffered=True,
            )
            for headers in ({}, bearer("wrong"), bearer(VIEWER), bearer(OPERATOR))
        ]
        seen[method, path] = tuple(answer.status_code for answer in answers)
    assert len(seen) > 30
    for (method, path), (nobody, wrong, viewer, operator) in seen.items():
        acts = method == "POST"
        if path in OPEN:
            assert (nobody, wrong, viewer, operator) == (200,) * 4, (method, path)
        else:
            assert (nobody, wrong) == (401, 401), (method, path)
            assert viewer == 403 if acts else viewer in (200, 404, 503), (method, path)
            assert operator not in (401, 403), (method, path)


def test_an_unknown_api_path_tells_nothing_without_a_token(locked: Room) -> None:
    client = locked.app().test_client()
    assert client.get("/api/v1/nothing").status_code == 401
    assert client.get("/api/v1/nothing", headers=bearer(VIEWER)).status_code == 404


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", f"Basic {OPERATOR}", OPERATOR, "Bearer tökén", "Bearer \x00"],
)
def test_whatever_is_not_a_bearer_token_of_ours_is_refused(locked: Room, header: str) -> None:
    answer = locked.app().test_client().get("/api/v1/guards", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="tripflag"')


def test_with_only_an_operator_token_reading_needs_it_too(build: Build) -> None:
    client = build(web={"tokens": {"operator": OPERATOR}}).app().test_client()
    assert client.get("/api/v1/guards").status_code == 401
    assert client.get("/api/v1/guards", headers=bearer(OPERATOR)).status_code == 200


def test_with_only_a_viewer_token_nobody_may_act(build: Build) -> None:
    client = build(web={"tokens": {"viewer": VIEWER}}).app().test_client()
    answer = client.post(f"/api/v1/guards/{GUARD}/trip", json={}, headers=bearer(VIEWER))
    assert answer.status_code == 403
    assert "no operator token is configured: set web.tokens.operator" in answer.json["detail"]


def test_an_empty_configured_token_opens_nothing(build: Build) -> None:
    client = build(web={"tokens": {"operator": ""}}).app().test_client()
    for header in ("Bearer", "Bearer ", "Bearer  "):
        headers = {"Authorization": header}
        assert client.get("/api/v1/guards", headers=headers).status_code == 401


def test_without_any_token_everybody_on_loopback_is_operator_and_is_told(room: Room) -> None:
    overview = room.app().test_client().get("/api/v1/overview").json
    assert (overview["role"], overview["open_to_all"]) == ("operator", True)


def test_tokens_are_those_of_the_configuration_in_force(build: Build) -> None:
    room = build()
    client = room.app().test_client()
    assert client.get("/api/v1/guards").status_code == 200
    web = room.config.web.model_validate({"tokens": BOTH})
    room.engine.reload(room.config.model_copy(update={"web": web}))
    assert client.get("/api/v1/guards").status_code == 401


def test_a_utf_8_token_sent_as_bytes_is_known(build: Build) -> None:
    client = build(web={"tokens": {"operator": "schlüssel-€-0123"}}).app().test_client()
    sent = "Bearer schlüssel-€-0123".encode().decode("latin-1")
    answer = client.get(f"/api/v1/flags/{FLAG}", environ_base={"HTTP_AUTHORIZATION": sent})
    assert answer.status_code == 200


def test_no_secret_of_the_configuration_is_in_any_answer(locked: Room) -> None:
    client = locked.app().test_client()
    for method, path in routes(locked):
        if method == "GET":
            text = client.get(path, headers=bearer(OPERATOR), buffered=True).get_data(as_text=True)
            assert VIEWER not in text
            assert OPERATOR not in text
