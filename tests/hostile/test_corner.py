"""The stage's hostile corner: it sends what was planted, raw, and nobody else's page may plant."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from probes.stage.app import create_app
from probes.stage.hostile import HOSTILE, MAX_PLANTED

TEXT = "<b>\"'&\ud800\r\n\u202e</b>"


@pytest.fixture
def stage() -> FlaskClient:
    client = create_app(lambda _actor: {"a_flag": True}).test_client()
    assert plant(client, TEXT) == 200
    return client


def plant(client: FlaskClient, text: str, times: int = 1) -> int:
    order = {"texts": [{"text": text, "times": times}]}
    return client.post(HOSTILE, json=order).status_code


def test_it_sends_the_text_as_it_is(stage: FlaskClient) -> None:
    raw = TEXT.encode("utf-8", "surrogatepass")
    assert stage.get(f"{HOSTILE}raw").data.count(raw) > 8
    assert stage.get(f"{HOSTILE}texts").json == [TEXT]
    said = stage.get(f"{HOSTILE}answer/anything")
    assert (said.status, said.data) == ("500 <b>\"'&</b>", raw)
    assert stage.get(f"{HOSTILE}json").json == {"said": TEXT}
    assert stage.post(f"{HOSTILE}api/v1/query").json["error"] == TEXT
    features = stage.get("/v0/feature_toggles?hostile=1").json["data"]["features"]
    assert {"name": TEXT, "value": True} in features
    assert {"name": "a_flag", "value": True} in features


def test_nothing_protects_its_pages_but_the_rest_of_the_stage_keeps_its_policy(
    stage: FlaskClient,
) -> None:
    assert "Content-Security-Policy" not in stage.get(f"{HOSTILE}raw").headers
    assert "Content-Security-Policy" in stage.get("/contact-us/").headers
    assert TEXT not in str(stage.get("/v0/feature_toggles").json)


@pytest.mark.parametrize(
    "order",
    [
        None,
        {},
        {"texts": []},
        {"texts": [{"text": "x", "times": 0}]},
        {"texts": [{"text": "xx", "times": MAX_PLANTED}]},
        {"texts": [{"text": "x"}], "more": 1},
    ],
)
def test_an_order_that_is_none_plants_nothing(stage: FlaskClient, order: object) -> None:
    answer = stage.post(HOSTILE, json=order)
    assert answer.status_code == 400
    assert answer.json["detail"]
    assert stage.get(f"{HOSTILE}texts").json == [TEXT]


def test_another_sites_page_plants_nothing(stage: FlaskClient) -> None:
    order = {"texts": [{"text": "theirs"}]}
    answer = stage.post(HOSTILE, json=order, headers={"Origin": "http://evil.test"})
    assert answer.status_code == 403
    assert stage.get(f"{HOSTILE}texts").json == [TEXT]
