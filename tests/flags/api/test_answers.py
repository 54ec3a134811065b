"""Who may ask, and answers that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flags.model import (
    FlagError,
    Gates,
    StoreUnavailable,
)
from flags.stores.flipper_api import FlipperApiFlagStore
from flags.stores.flipper_http import MAX_ANSWER_BYTES
from tests.flags.api import FlipperApi
from tests.flags.api.canned import FLAG, TIMEOUT_S, Canned, feature

USER, PASSWORD = "tripflag", "pass:wörd"


def test_basic_authentication_opens_and_its_absence_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    api = FlipperApi(tmp_path, user=USER, password=PASSWORD)
    api.start()
    allowed = FlipperApiFlagStore(api.base_url, TIMEOUT_S, user=USER, password=PASSWORD)
    refused = FlipperApiFlagStore(api.base_url, TIMEOUT_S, user=USER, password="wrong")
    try:
        assert allowed.flags() == ()
        with pytest.raises(StoreUnavailable, match=r"HTTP 401: check store\.token") as error:
            refused.set(FLAG, False)
        assert "wrong" not in str(error.value)
        assert "who are you" not in str(error.value), "its body"
    finally:
        allowed.close()
        refused.close()
        api.stop()


def test_credentials_from_a_netrc_are_never_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password netrc-secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    canned = Canned(feature())
    with canned.serving() as bearer:
        bearer.gates(FLAG)
        bare = FlipperApiFlagStore(canned.base_url, TIMEOUT_S)
        bare.gates(FLAG)
        bare.close()
    sent = [headers.get("authorization") for _, _, headers in canned.asked]
    assert sent == ["Bearer sesame", None]


def test_a_body_goes_under_exactly_the_type_that_the_api_reads() -> None:
    canned = Canned(feature(actors=[]), feature(actors=["User;1"]))
    with canned.serving() as store:
        store.replace_gates(FLAG, Gates.of(("actors", "User;1")))
    assert [method for method, _, _ in canned.asked] == ["GET", "POST", "GET"]
    assert canned.asked[1][2]["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, "text/html", "<h1>hunter2</h1>"), "HTTP 500: look into the log"),
        ((403, "text/html", "<h1>hunter2</h1>"), "HTTP 403: check the rights"),
        ((404, "text/html", "<h1>hunter2</h1>"), "HTTP 404: .*check store.base_url"),
        ((404, "application/json", "{}"), "HTTP 404: .*check store.base_url"),
        ((302, "text/html", "hunter2"), "HTTP 302"),
        ((200, "text/html", "<h1>hunter2</h1>"), "no JSON"),
        ((200, "application/json", "[" * 100_000), "no JSON"),
        ((200, "application/json", '{"hunter2": 1}'), "none of flipper-api's"),
        ((200, "application/json", '["hunter2"]'), "none of flipper-api's"),
        (feature(name="hunter2"), "about another flag"),
        ((200, "application/json", " " * (MAX_ANSWER_BYTES + 1)), "larger than"),
    ],
    ids=[
        "500",
        "403",
        "404 of a proxy",
        "404 of another path",
        "redirect",
        "html",
        "deep json",
        "another object",
        "a list",
        "another flag",
        "too large",
    ],
)
def test_an_answer_that_is_none_is_an_error_that_never_repeats_its_body(
    answer: tuple[int, str, str], said: str
) -> None:
    canned = Canned(answer)
    with canned.serving() as store:
        with pytest.raises(StoreUnavailable, match=said) as error:
            store.set(FLAG, False)
        assert "hunter2" not in str(error.value)
    assert [method for method, _, _ in canned.asked] == ["GET"], (
        "no write, and no redirect followed"
    )


def test_a_gate_of_a_later_flipper_is_kept_in_the_snapshot() -> None:
    canned = Canned(feature(boolean=None, blocked_actors=["User;1"], expression={"Any": []}))
    with canned.serving() as store:
        assert store.gates(FLAG) == Gates.of(
            ("blocked_actors", "User;1"), ("expression", '{"Any":[]}')
        )


def test_credentials_that_cannot_be_used_are_refused_and_not_repeated() -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"base_url": "http://someone:hunter2@127.0.0.1/flipper"},
        {"base_url": "http://127.0.0.1", "token": "hunter2", "user": "someone"},
        {"base_url": "http://127.0.0.1", "password": "hunter2"},
        {"base_url": "http://127.0.0.1", "token": "hunter2\r\nX-Other: 1"},
        {"base_url": "http://127.0.0.1", "token": ""},
    )
    for arguments in wrong:
        with pytest.raises(FlagError, match="store\\.") as error:
            FlipperApiFlagStore(**arguments)
        assert "hunter2" not in str(error.value)
