"""The toggles in VA.gov's shape, in both forms of asking."""

from __future__ import annotations

import pytest
import requests

from flags.gates import flag_of
from flags.model import Gates
from flags.ofrep import STALE_HEADER
from flags.stores.base import ENABLED
from flags.toggles import NAMES_LIMIT, camelize, underscore
from tests.ofrep.conftest import FLAG, INSIDE, OUTSIDE, ROLLOUT, Room, Serve, now

PATH = "/v0/feature_toggles"


def listed(answer: requests.Response) -> list[tuple[str, bool]]:
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert data["type"] == "feature_toggles"
    return [(each["name"], each["value"]) for each in data["features"]]


def test_the_full_list_has_each_flag_in_camel_and_snake_case(room: Room) -> None:
    answer = room.get(PATH)
    assert listed(answer) == [
        ("newSearch", False),
        ("new_search", False),
        ("representativeStatusEnabled", True),
        ("representative_status_enabled", True),
    ]
    assert answer.headers["Content-Type"] == "application/json"
    assert list(answer.json()) == ["data"]


def test_a_kill_is_false_in_both_forms_at_once(room: Room) -> None:
    room.kill()
    assert dict(listed(room.get(PATH)))["representativeStatusEnabled"] is False
    assert listed(room.get(f"{PATH}?features={FLAG}")) == [(FLAG, False)]


@pytest.mark.parametrize(("actor", "value"), [(INSIDE, True), (OUTSIDE, False), ("", False)])
def test_the_cookie_decides_who_is_in_a_rollout(room: Room, actor: str, value: bool) -> None:
    assert dict(listed(room.get(f"{PATH}?&cookie_id={actor}")))["newSearch"] is value
    assert listed(room.get(f"{PATH}?features={ROLLOUT}&cookie_id={actor}")) == [(ROLLOUT, value)]


def test_an_actor_by_name_is_on(room: Room) -> None:
    room.add("by_name", Gates.of(("actors", "User;1")))
    assert dict(listed(room.get(f"{PATH}?cookie_id=User;1")))["byName"] is True
    assert dict(listed(room.get(f"{PATH}?cookie_id=User;2")))["byName"] is False


def test_names_are_answered_as_they_were_asked_and_an_unknown_one_is_false(room: Room) -> None:
    asked = f"nobody,representativeStatusEnabled,{FLAG},{FLAG},NewSearch,<b>"
    assert listed(room.get(PATH, params={"features": asked, "cookie_id": INSIDE})) == [
        ("nobody", False),
        ("representativeStatusEnabled", True),
        (FLAG, True),
        (FLAG, True),
        ("NewSearch", True),
        ("<b>", False),
    ]


def test_an_empty_list_of_names_asks_for_all(room: Room) -> None:
    assert listed(room.get(f"{PATH}?features=")) == listed(room.get(PATH))


@pytest.mark.parametrize(("names", "status"), [(NAMES_LIMIT, 200), (NAMES_LIMIT + 1, 400)])
def test_the_number_of_names_is_bounded(room: Room, names: int, status: int) -> None:
    answer = room.get(f"{PATH}?features=" + ",".join(["a"] * names))
    assert answer.status_code == status
    if status == 400:
        assert str(NAMES_LIMIT) in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize("cookie", ["%ff", "%00", "%ed%a0%80", "x" * 10_000, "a&cookie_id=b"])
def test_a_hostile_cookie_is_an_actor_like_any_other(room: Room, cookie: str) -> None:
    assert len(listed(room.get(f"{PATH}?cookie_id={cookie}"))) == 4


def test_hostile_flag_names_stay_data(room: Room) -> None:
    names = ['"},{"name":"x', "__proto__", "_", "ä\u2028</script>", ""]
    room.mirror.take(tuple(flag_of(name, ENABLED) for name in names), now())
    found = dict(listed(room.get(PATH)))
    assert set(names) <= set(found)
    assert all(found.values())


def test_stale_toggles_are_served_and_say_so_in_a_header(room: Room) -> None:
    fresh = room.get(PATH)
    room.mirror.lost("refused", now())
    read_at = room.mirror.reading.read_at
    stale = room.get(PATH)
    assert listed(stale) == listed(fresh)
    assert read_at is not None
    assert stale.headers[STALE_HEADER] == read_at.isoformat()
    assert STALE_HEADER not in fresh.headers


def test_before_the_first_read_it_is_an_error_and_not_a_list_of_nothing(serve_room: Serve) -> None:
    room = serve_room()
    for lost in (False, True):
        if lost:
            room.mirror.lost("refused", now())
        answer = room.get(PATH)
        assert answer.status_code == 503
        assert answer.json()["errors"][0]["status"] == "503"
    assert answer.headers[STALE_HEADER] == "never read"


@pytest.mark.parametrize(
    ("snake", "camel"),
    [
        ("representative_status_enabled", "representativeStatusEnabled"),
        ("form526_backup", "form526Backup"),
        ("a_b_c", "aBC"),
        ("plain", "plain"),
    ],
)
def test_camel_case_is_as_ruby_makes_it(snake: str, camel: str) -> None:
    assert camelize(snake) == camel


@pytest.mark.parametrize(
    ("camel", "snake"),
    [
        ("representativeStatusEnabled", "representative_status_enabled"),
        ("form526Backup", "form526_backup"),
        ("HTMLTidy", "html_tidy"),
        ("va-widget", "va_widget"),
        ("already_snake", "already_snake"),
    ],
)
def test_snake_case_is_as_ruby_makes_it(camel: str, snake: str) -> None:
    assert underscore(camel) == snake
