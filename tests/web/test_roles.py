"""Every route against nobody, a wrong token, a viewer's, an operator's and an administrator's."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from daemon.bearer import Role
from daemon.web.auth import FOR_APPLICATIONS, NEEDED, OPEN, READS
from tests.web.conftest import ADMIN, BOTH, FLAG, GUARD, OPERATOR, VIEWER, Build, Room, bearer

ALL = {**BOTH, "admin": ADMIN}
CALLERS = (VIEWER, OPERATOR, ADMIN)
#: What a converter's part of a path is filled with: it need not be there, who may asks first.
NAMES = {"name": GUARD, "guard": GUARD, "filename": "base.css"}
#: Routes without a blueprint of their own rules.
FREE = {"static", "health", "assets", *FOR_APPLICATIONS}


@pytest.fixture
def room(build: Build) -> Room:
    """All three tokens configured."""
    return build(web={"tokens": ALL})


def routes(room: Room) -> list[tuple[str, str, str]]:
    """Every method, path and endpoint of the app, applications' own ones aside."""
    found = []
    for rule in room.app().url_map.iter_rules():
        if rule.endpoint.partition(".")[0] in FOR_APPLICATIONS:
            continue
        path = re.sub(
            r"<(?:[^:>]+:)?([^>]+)>", lambda part: NAMES.get(part[1], "run-0001"), rule.rule
        )
        found += [(each, path, rule.endpoint) for each in (rule.methods or set()) - {"OPTIONS"}]
    return sorted(found)


def ask(client: FlaskClient, method: str, path: str, token: str = "", address: int = 1) -> int:
    page = not path.startswith("/api/")
    kind = {} if method in READS else ({"data": {}} if page else {"json": {}})
    answer: TestResponse = client.open(
        path,
        method=method,
        headers=bearer(token) if token else {},
        # Wrong tokens are counted by address.
        environ_base={"REMOTE_ADDR": f"10.0.{address // 250}.{address % 250 + 1}"},
        **kind,
    )
    answer.close()  # some never end by themselves
    return answer.status_code


def kinds(room: Room) -> Iterator[tuple[str, str, str, int]]:
    for number, (method, path, endpoint) in enumerate(routes(room)):
        yield method, path, endpoint, number


def test_every_route_asks_for_a_token_unless_it_is_named_as_open(room: Room) -> None:
    client = room.app().test_client()
    seen = 0
    for method, path, endpoint, number in kinds(room):
        nobody = ask(client, method, path)
        wrong = ask(client, method, path, "wrong", number)
        at = (method, path, nobody, wrong)
        if endpoint in OPEN:
            assert nobody not in (303, 401, 403), at
            assert wrong not in (303, 401, 403), at
        else:
            # A page sends people to where they sign in; programs are told.
            assert nobody == (303 if endpoint.startswith("page_") else 401), at
            assert wrong == 401, at
            seen += 1
    assert seen > 40


def test_every_route_asks_for_the_role_that_it_needs(room: Room) -> None:
    client = room.app().test_client()
    refused = {Role.VIEWER: 0, Role.OPERATOR: 0}
    for method, path, endpoint, number in kinds(room):
        if endpoint in OPEN:
            continue
        reading, acting = NEEDED[endpoint.partition(".")[0]]
        needed = reading if method in READS else acting
        for role, token in zip(Role, CALLERS, strict=True):
            status = ask(client, method, path, token, number)
            assert (status == 403) is (not role.may(needed)), (method, path, role, status)
            assert status != 401, (method, path, role)
            if status == 403:
                refused[role] += 1
    assert refused[Role.VIEWER] > 15
    assert refused[Role.OPERATOR] > 3


def test_no_blueprint_is_forgotten_in_the_table_of_roles(room: Room) -> None:
    there = {endpoint.partition(".")[0] for _, _, endpoint in routes(room)}
    assert there - set(NEEDED) - FREE == set()
    for _, path, endpoint in routes(room):
        if path.startswith("/api/v1/tokens") or path == "/tokens":
            assert NEEDED[endpoint.partition(".")[0]] == (Role.ADMIN, Role.ADMIN)


def test_a_blueprint_that_nobody_named_is_for_administrators(room: Room) -> None:
    app = room.app()
    app.add_url_rule("/new", "new.thing", lambda: "here")
    client = app.test_client()
    codes = [client.get("/new", headers=bearer(each)).status_code for each in CALLERS]
    assert codes == [403, 403, 200]
    assert client.get("/new").status_code == 401


def test_a_role_too_low_is_told_which_it_needs(room: Room) -> None:
    client = room.app().test_client()
    answer = client.post(f"/api/v1/guards/{GUARD}/trip", json={}, headers=bearer(VIEWER))
    assert answer.status_code == 403
    assert answer.json["detail"] == (
        "the token 'viewer' is of a viewer, who may only read: this needs one of role operator; "
        "whoever has an administrator's makes it with `tripflag token create`"
    )
    page = client.get("/tokens", headers=bearer(OPERATOR))
    assert page.status_code == 403
    assert page.mimetype == "text/html"
    assert "this needs one of role admin" in page.text
    assert room.flag() == "on"


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


def test_an_empty_configured_token_opens_nothing(build: Build) -> None:
    client = build(web={"tokens": {"operator": ""}}).app().test_client()
    for header in ("Bearer", "Bearer ", "Bearer  "):
        headers = {"Authorization": header}
        assert client.get("/api/v1/guards", headers=headers).status_code == 401


def test_without_any_token_everybody_on_this_machine_is_an_administrator(build: Build) -> None:
    client = build().app().test_client()
    overview = client.get("/api/v1/overview").json
    assert (overview["role"], overview["open_to_all"]) == ("admin", True)
    assert client.get("/tokens").status_code == 200


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


def test_no_secret_of_the_configuration_is_in_any_answer(room: Room) -> None:
    client = room.app().test_client()
    looked_at = 0
    for method, path, endpoint in routes(room):
        if method == "GET" and not endpoint.startswith("events"):  # that one has no end
            answer = client.get(path, headers=bearer(ADMIN), buffered=True)
            text = answer.get_data(as_text=True) + str(answer.headers)
            assert not [each for each in CALLERS if each in text], path
            looked_at += 1
    assert looked_at > 25
