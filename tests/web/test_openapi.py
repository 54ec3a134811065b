"""The API's description: complete, valid, and something to try it with."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from daemon.web import WebServer
from daemon.web.answer import View
from daemon.web.asks import UNPRINTABLE
from tests.web.conftest import FLAG, GUARD, OPERATOR, Build, Look, Room

DOCUMENT = "/openapi/openapi.json"


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get(DOCUMENT).get_json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_it_names_every_path_and_method_of_the_api(
    client: FlaskClient, document: dict[str, Any]
) -> None:
    described = {(path, method.upper()) for path, method, _ in operations(document)}
    served = {
        (re.sub("<(?:[^<:]+:)?([^>]+)>", r"{\1}", str(rule)), method)
        for rule in client.application.url_map.iter_rules()
        if str(rule).startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == served


def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_it_says_where_to_ask(build: Build) -> None:
    room = build(web={"public_url": "https://desk.test"})
    there = room.app().test_client().get(DOCUMENT).get_json()
    assert there["servers"] == [{"url": "https://desk.test"}]


def test_it_says_as_whom_to_ask(document: dict[str, Any]) -> None:
    assert document["servers"] == [{"url": "/"}]
    assert document["security"] == [{"token": []}, {"session": []}]
    schemes = document["components"]["securitySchemes"]
    assert (schemes["token"]["scheme"], schemes["session"]["in"]) == ("bearer", "cookie")


def test_every_operation_is_described_with_its_problems(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation["summary"], path
        assert {"401", "403", "429", "503"} <= operation["responses"].keys()
        if method != "get":
            assert {"400", "409", "413", "415", "422"} <= operation["responses"].keys()
        for status, response in operation["responses"].items():
            assert response["description"]
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], (path, status)
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))


def test_writes_take_an_etag_and_a_key_and_say_so(document: dict[str, Any]) -> None:
    trip = document["paths"]["/api/v1/guards/{name}/trip"]["post"]
    taken = {each["name"] for each in trip["parameters"] if each["in"] == "header"}
    assert taken == {"If-Match", "Idempotency-Key", "X-Request-ID"}
    assert "412" in trip["responses"]
    assert {"ETag", "X-Request-ID"} <= trip["responses"]["200"]["headers"].keys()


def test_a_parameter_is_never_null(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        for parameter in operation["parameters"]:
            assert "null" not in json.dumps(parameter["schema"]), (path, parameter["name"])


def views(model: type[BaseModel] = View) -> Iterator[type[BaseModel]]:
    for each in model.__subclasses__():
        yield each
        yield from views(each)


def test_no_two_things_of_the_answers_share_a_name(room: Room) -> None:
    room.app()
    seen: dict[str, Any] = {}
    for view in views():
        schema = view.model_json_schema(mode="serialization")
        for name, definition in {**schema.pop("$defs", {}), view.__name__: schema}.items():
            assert seen.setdefault(name, definition) == definition, name


def test_what_is_unprintable_is_what_unicode_says() -> None:
    unprintable = re.compile(f"[{UNPRINTABLE}]")
    everything = (chr(code) for code in range(sys.maxunicode + 1))
    wrong = [
        hex(ord(char))
        for char in everything
        if unicodedata.category(char) in ("Cc", "Cf") and not unprintable.match(char)
    ]
    assert wrong == []
    assert not unprintable.search("Zoë's “über” note 漢字 🚑, 100 %")


@pytest.mark.browser
def test_the_page_tries_a_read_and_an_act_as_whoever_is_signed_in(
    locked: Room, served: Callable[[Room], WebServer], look: Look
) -> None:
    page, url = look.page, served(locked).url
    page.set_default_timeout(30_000)  # a megabyte of script, on a busy machine
    page.goto(f"{url}/sign-in?next=/api")
    page.get_by_label("Your token").fill(OPERATOR)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/api")
    read = page.locator("#operations-flags-flags_get_flag__name__get")
    read.locator(".opblock-summary-control").click()
    read.get_by_placeholder("name").fill(FLAG)
    read.get_by_role("button", name="Execute").click()
    answered = read.locator(".live-responses-table .response .microlight").first
    answered.wait_for()
    assert '"state": "on"' in answered.inner_text()

    act = page.locator("#operations-guards-guards_hold__name__hold_post")
    act.locator(".opblock-summary-control").click()
    act.get_by_placeholder("name").fill(GUARD)
    act.locator("textarea").fill('{"reason": "hands off"}')
    act.get_by_role("button", name="Execute").click()
    act.locator(".live-responses-table .response-col_status").first.wait_for()
    hold = locked.engine.state(GUARD).hold
    assert hold is not None
    assert hold.by == "operator"
    assert look.complaints == []
