"""Tokens through the API, the page and the command line."""

from __future__ import annotations

import hashlib
import html
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from daemon.cli.token import token as command
from daemon.web import WebServer
from tests.web.conftest import ADMIN, OPERATOR, Build, Room, bearer, race

TOKENS = "/api/v1/tokens"
PAT = {"name": "pat@site.example", "role": "operator", "reason": "new colleague"}
WHY = {"reason": "left us"}


@pytest.fixture
def room(build: Build) -> Room:
    """An administrator's token configured."""
    return build(web={"tokens": {"admin": ADMIN}})


@pytest.fixture
def client(room: Room) -> FlaskClient:
    client = room.app().test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {ADMIN}"
    return client


def make(client: FlaskClient, **more: Any) -> Any:
    answer = client.post(TOKENS, json={**PAT, **more})
    assert answer.status_code == 201
    return answer.json


def test_a_token_made_works_at_once_and_its_secret_is_answered_once(
    room: Room, client: FlaskClient
) -> None:
    answer = client.post(TOKENS, json=PAT)
    made = answer.json
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{TOKENS}/{made['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    assert (made["name"], made["role"], made["live"]) == ("pat@site.example", "operator", True)
    assert made["created_by"] == "admin"
    assert client.get("/api/v1/guards", headers=bearer(made["secret"])).status_code == 200
    shown = client.get(f"{TOKENS}/{made['id']}").json
    assert "secret" not in shown
    assert shown["used_at"] is not None
    assert client.get(f"{TOKENS}/pat@site.example").json == shown
    assert client.get(TOKENS).json == {"tokens": [shown]}
    (row,) = room.audited("token pat@site.example")
    assert (row.actor, row.action, row.reason) == ("admin", "token-create", "new colleague")


def test_a_revoked_token_opens_nothing_from_the_next_request_on(
    room: Room, client: FlaskClient
) -> None:
    made = make(client)
    gone = client.delete(f"{TOKENS}/{made['id']}", json=WHY)
    assert gone.status_code == 200
    assert (gone.json["live"], gone.json["revoked_by"]) == (False, "admin")
    answer = client.get("/api/v1/guards", headers=bearer(made["secret"]))
    assert answer.status_code == 401
    assert re.match(r"the token was revoked at .* by admin: ask an adm", answer.json["detail"])
    assert client.delete(f"{TOKENS}/{made['id']}", json=WHY).json == gone.json
    assert len(room.audited("token pat@site.example")) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "Pat"}, "begin with a lower-case letter"),
        ({"name": "guard"}, "a meaning of its own in the audit"),
        ({"role": "root"}, "role: input should be 'viewer', 'operator' or 'admin'"),
        ({"expires_days": 0}, "expires_days: input should be greater than 0"),
        ({"expires_days": 4000}, "expires_days: input should be less than or equal to 3650"),
        ({"secret": "mine"}, "secret: not known here"),
        ({"reason": "two\nlines"}, "one line of printable text"),
    ],
)
def test_a_bad_token_is_refused_with_the_member_that_is_wrong(
    client: FlaskClient, change: dict[str, Any], says: str
) -> None:
    answer = client.post(TOKENS, json={**PAT, **change})
    assert answer.status_code == 422
    assert says in answer.json["detail"]
    assert client.get(TOKENS).json == {"tokens": []}


def test_what_the_others_forbid_is_a_conflict(build: Build) -> None:
    client = build().app().test_client()
    first = client.post(TOKENS, json={**PAT, "by": "sam"})
    assert first.status_code == 409
    assert "the first token must be an administrator's" in first.json["detail"]
    root = client.post(TOKENS, json={"name": "root", "role": "admin", "by": "sam"}).json
    assert root["created_by"] == "sam"
    assert client.get(TOKENS).status_code == 401  # the door is shut from now on
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {root['secret']}"
    make(client)
    again = client.post(TOKENS, json=PAT)
    assert again.status_code == 409
    assert "a live token is named 'pat@site.example'" in again.json["detail"]
    last = client.delete(f"{TOKENS}/root", json=WHY)
    assert last.status_code == 409
    assert "root is the last administrator" in last.json["detail"]
    assert client.delete(f"{TOKENS}/nobody", json=WHY).status_code == 404
    assert client.get(f"{TOKENS}/nobody").status_code == 404


def test_a_token_that_was_changed_since_is_not_revoked_unseen(client: FlaskClient) -> None:
    made = make(client)
    etag = client.get(f"{TOKENS}/{made['id']}").headers["ETag"]
    stale = client.delete(f"{TOKENS}/{made['id']}", json=WHY, headers={"If-Match": '"old"'})
    assert stale.status_code == 412
    assert client.get(f"{TOKENS}/{made['id']}").json["live"]
    done = client.delete(f"{TOKENS}/{made['id']}", json=WHY, headers={"If-Match": etag})
    assert done.status_code == 200
    again = client.delete(f"{TOKENS}/{made['id']}", json=WHY, headers={"If-Match": etag})
    assert again.status_code == 412


def test_of_two_who_take_a_name_at_once_one_gets_it(room: Room) -> None:
    app = room.app()

    def ask() -> int:
        sent = app.test_client().post(TOKENS, json=PAT, headers=bearer(ADMIN))
        return sent.status_code

    assert sorted(race(ask, ask)) == [201, 409]


def test_of_two_who_revoke_at_once_one_is_signed_and_the_other_is_told(
    room: Room, client: FlaskClient
) -> None:
    path = f"{TOKENS}/{make(client)['id']}"
    seen, app = {"If-Match": client.get(path).headers["ETag"]}, room.app()

    def revoke() -> int:
        headers = {**bearer(ADMIN), **seen}
        return app.test_client().delete(path, json=WHY, headers=headers).status_code

    assert sorted(race(revoke, revoke)) == [200, 412]
    signed = [row.action for row in room.audited("token pat@site.example")]
    assert signed == ["token-create", "token-revoke"]


def test_no_secret_or_digest_is_in_an_answer_a_log_or_the_journal(
    room: Room, client: FlaskClient
) -> None:
    with capture_logs() as logs:
        key = {"Idempotency-Key": "once"}
        made = client.post(TOKENS, json=PAT, headers=key).json
        again = client.post(TOKENS, json=PAT, headers=key)
        secret = made["secret"]
        client.delete(f"{TOKENS}/{made['id']}", json=WHY)
        # Its name is free again, its key is not.
        assert client.post(TOKENS, json=PAT, headers=key).status_code == 409
        client.get("/api/v1/guards", headers=bearer(secret))
        paths = (TOKENS, f"{TOKENS}/pat@site.example", "/tokens", "/api/v1/audit", "/audit", "/")
        shown = "".join(client.get(path).text for path in paths)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    assert "pat@site.example" in shown
    for text in (secret, digest, digest[:16]):
        assert text not in shown
        assert text not in again.text
        assert text not in str(logs)
    assert again.status_code == 409
    with sqlite3.connect(room.config.journal.path) as db:
        dump = "\n".join(db.iterdump())
    assert secret not in dump
    assert digest in dump


def test_the_page_makes_a_token_shows_its_secret_once_and_revokes_it(room: Room) -> None:
    app = room.app()
    client = app.test_client()

    def csrf(path: str = "/tokens") -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
        assert found is not None
        return found[1]

    form = {"csrf_token": csrf("/sign-in"), "token": ADMIN, "next": "/tokens"}
    assert client.post("/sign-in", data=form).headers["Location"] == "/tokens"
    bad = client.post("/tokens", data={**PAT, "csrf_token": csrf(), "name": "P<b>", "by": ""})
    assert bad.status_code == 422
    assert "begin with a lower-case letter" in bad.text
    assert 'value="P&lt;b&gt;"' in bad.text
    assert 'value="new colleague"' in bad.text
    assert client.post("/tokens", data=PAT).status_code == 400
    made = client.post("/tokens", data={**PAT, "csrf_token": csrf(), "expires_days": "30"})
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    found = re.search(r'value="(tf_[^"]{43})"', made.text)
    assert found is not None
    secret = found[1]
    assert client.get("/api/v1/guards", headers=bearer(secret)).status_code == 200
    page = client.get("/tokens").text
    assert secret not in page
    act = re.search(r'action="(/acts/tokens/[^"]+)".*?name="if_match" value="([^"]+)"', page, re.S)
    assert act is not None
    fields = {"csrf_token": csrf(), "method": "DELETE", "back": "/tokens", "reason": "left us"}
    done = client.post(act[1], data={**fields, "if_match": html.unescape(act[2])})
    assert (done.status_code, done.headers["Location"]) == (303, "/tokens")
    assert client.get("/api/v1/guards", headers=bearer(secret)).status_code == 401
    assert "was revoked at" in client.get("/tokens").text


def test_an_operator_cannot_reach_tokens_through_a_form(build: Build) -> None:
    client = build(web={"tokens": {"operator": OPERATOR, "admin": ADMIN}}).app().test_client()
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/sign-in").text)
    assert found is not None
    client.post("/sign-in", data={"csrf_token": found[1], "token": OPERATOR})
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/").text)
    assert found is not None
    sent = client.post("/acts/tokens", data={**PAT, "csrf_token": found[1]})
    assert sent.status_code == 403
    assert client.get(TOKENS, headers=bearer(ADMIN)).json == {"tokens": []}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_the_command_line_prints_the_secret_alone_on_standard_output(
    room: Room, served: Callable[[Room], WebServer]
) -> None:
    url = served(room).url
    at = ("--url", url, "--token", ADMIN)
    made = run("create", "ci", "--role", "viewer", "--expires-days", "7", *at)
    assert made.exit_code == 0, made.output
    assert re.fullmatch(r"tf_[\w-]{43}\n", made.stdout)
    assert "is viewer; the secret is not shown again" in made.stderr
    secret = made.stdout.strip()
    listed = json.loads(run("list", "--json", *at).stdout)
    assert [(each["name"], each["role"]) for each in listed] == [("ci", "viewer")]
    assert run("create", "ci", "--role", "viewer", *at).exit_code == 3
    assert run("create", "CI", "--role", "viewer", *at).exit_code == 2
    refused = run("list", "--url", url, "--token", secret)
    assert refused.exit_code == 1
    assert "this needs one of role admin" in refused.stderr
    assert run("revoke", "ci", *at).exit_code == 0
    assert run("revoke", "nobody", *at).exit_code == 2
    assert secret not in run("list", *at).stdout


def test_the_first_token_is_made_in_the_journal_of_a_daemon_that_does_not_run(
    build: Build, tmp_path: Path
) -> None:
    room = build()
    file = tmp_path / "tripflag.yaml"
    text = json.dumps(
        {
            "targets": {"va": {"base_url": "http://va.test"}},
            "probes": {"page": {"kind": "request", "target": "va", "path": "/help/"}},
            "store": {"url": f"sqlite:///{tmp_path}/flags.sqlite"},
            "journal": {"path": "journal.sqlite"},
        }
    )
    file.write_text(text)
    runs = run("create", "root", "--role", "admin", "--file", str(file))
    assert runs.exit_code == 1, runs.stderr
    assert "another daemon uses the journal" in runs.stderr
    assert "leave --file out and ask it" in runs.stderr
    room.journal.close()
    wrong = run("create", "ci", "--role", "viewer", "--file", str(file))
    assert wrong.exit_code == 3
    assert "the first token must be an administrator's" in wrong.stderr
    made = run("create", "root", "--role", "admin", "--file", str(file), "--json")
    document = json.loads(made.stdout)
    room.reopen()
    client = room.app().test_client()
    assert client.get(TOKENS).status_code == 401
    seen = client.get(TOKENS, headers=bearer(document["secret"])).json["tokens"]
    assert [(each["id"], each["name"]) for each in seen] == [(document["id"], "root")]
    room.journal.close()
    assert "root" in run("list", "--file", str(file)).stdout
    assert run("revoke", "nobody", "--file", str(file)).exit_code == 2
    assert run("revoke", "root", "--file", str(file)).exit_code == 0
    room.reopen()
    assert room.app().test_client().get(TOKENS).status_code == 200


def test_a_bad_configuration_file_is_said(tmp_path: Path) -> None:
    result = run("list", "--file", str(tmp_path / "none.yaml"))
    assert result.exit_code == 2
    assert "none.yaml" in result.stderr
