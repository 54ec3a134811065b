"""The stage over plain HTTP: shapes, bad input, whole-site faults, hanging and closing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from probes.stage.app import create_app, faults_of
from probes.stage.faults import MAX_WAITING, Fault, FaultPanel
from probes.stage.inflection import camelize
from probes.stage.metrics import METRICS
from probes.stage.server import serve
from tests.stage.conftest import POA, WIDGET_PAGE, Stage, broken

WHOLE_SITE = ("/", WIDGET_PAGE, "/contact-us/", "/assets/site.js", "/v0/feature_toggles", POA)


def wait_until(holds: Callable[[], bool], within_s: float = 5) -> None:
    until = time.monotonic() + within_s
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < until, "not within the deadline"
        pause.wait(0.02)


def test_prometheus_is_told_of_answers_by_route_and_of_the_widgets_api_before_the_first(
    stage: Stage,
) -> None:
    def told(route: str, status: int) -> float | None:
        text = stage.get(METRICS).text
        labels = {"route": route, "status": str(status)}
        samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
        return next((s.value for s in samples if s.labels == labels and "total" in s.name), None)

    before = told(POA, 500)
    assert before is not None
    stage.faults.switch(Fault.API_500, True)
    stage.get(POA)
    assert told(POA, 500) == before + 1
    for number in range(3):
        stage.get(f"/nowhere/{number}")
    unrouted = told("", 404)
    assert unrouted is not None
    assert unrouted >= 3
    assert told("/nowhere/1", 404) is None


def test_the_full_list_has_each_flag_twice_camel_case_first(stage: Stage) -> None:
    answer = stage.get("/v0/feature_toggles?&cookie_id=abc")
    assert answer.json() == {
        "data": {
            "type": "feature_toggles",
            "features": [
                {"name": "representativeStatusEnabled", "value": True},
                {"name": "representative_status_enabled", "value": True},
                {"name": "assessmentFallbackEnabled", "value": False},
                {"name": "assessment_fallback_enabled", "value": False},
            ],
        }
    }
    assert stage.actors == ["abc"]
    assert answer.headers["X-CSRF-Token"]


def test_asked_features_come_back_once_as_asked_and_an_unknown_one_is_false(stage: Stage) -> None:
    asked = "representative_status_enabled,representativeStatusEnabled,never_heard_of"
    answer = stage.get(f"/v0/feature_toggles?features={asked}")
    assert answer.json()["data"]["features"] == [
        {"name": "representative_status_enabled", "value": True},
        {"name": "representativeStatusEnabled", "value": True},
        {"name": "never_heard_of", "value": False},
    ]
    assert stage.actors == [None]


def test_a_flip_shows_in_the_very_next_toggle_request(stage: Stage) -> None:
    for value in (False, True, False):
        stage.flags["representative_status_enabled"] = value
        features = stage.get("/v0/feature_toggles").json()["data"]["features"]
        assert features[1] == {"name": "representative_status_enabled", "value": value}


def test_a_flag_store_that_raises_makes_a_500_in_the_apis_own_shape(stage: Stage) -> None:
    stage.store_is_down = True
    answer = stage.get("/v0/feature_toggles")
    assert answer.status_code == 500
    assert answer.json()["errors"][0]["status"] == "500"
    assert "no flag store" not in answer.text
    assert stage.get("/stage/flags").status_code == 500


@pytest.mark.parametrize(("name", "camel"), [("a_b_c", "aBC"), ("plain", "plain"), ("a2_x", "a2X")])
def test_names_are_camelized_like_rails_does(name: str, camel: str) -> None:
    assert camelize(name) == camel


def test_the_representative_is_answered_in_the_spelling_that_is_asked_for(stage: Stage) -> None:
    cookies = {"stage_user": "representative"}
    plain = stage.get(POA, cookies=cookies).json()["data"]
    camel = stage.get(POA, cookies=cookies, headers={"X-Key-Inflection": "camel"}).json()["data"]
    assert plain["attributes"]["zip_code"] == camel["attributes"]["zipCode"] == "62701"
    assert "zip_code" not in camel["attributes"]
    assert camel["attributes"]["individualType"] == "attorney"
    organization = stage.get(POA, cookies={"stage_user": "organization"}).json()["data"]
    assert organization["id"] == "074"
    assert {"email", "individual_type"}.isdisjoint(organization["attributes"])


def test_signed_out_requests_are_401_in_the_apis_own_shape(stage: Stage) -> None:
    for path in (POA, "/v0/user"):
        answer = stage.get(path)
        assert answer.status_code == 401
        assert set(answer.json()["errors"][0]) == {"title", "detail", "code", "status"}


def test_an_address_that_is_not_there_is_404_for_pages_apis_and_assets(stage: Stage) -> None:
    assert "<h1>" in stage.get("/nothing/").text
    for path in ("/nothing/", "/v0/nothing", "/assets/nothing.js", "/assets/../app.py", "/stage/x"):
        assert stage.get(path).status_code == 404


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{", "JSON object"),
        ("[]", "JSON object"),
        ('{"fault": "api_500"}', "on"),
        ('{"fault": "api_501", "on": true}', "fault"),
        ('{"fault": "api_500", "on": "yes"}', "on"),
        ('{"fault": "api_500", "on": 1}', "on"),
        ('{"fault": "api_slow", "on": true, "delay_s": 31}', "delay_s"),
        ('{"fault": "api_slow", "on": true, "delay_s": -1}', "delay_s"),
        ('{"fault": "api_slow", "on": true, "delay_s": NaN}', "delay_s"),
        ('{"fault": "api_500", "on": true, "delay_s": 1}', "delay_s is for slow faults"),
        ('{"fault": "api_500", "on": true, "when": "now"}', "when"),
    ],
)
def test_a_bad_fault_order_is_400_naming_what_is_wrong_and_what_is_known(
    stage: Stage, body: str, says: str
) -> None:
    answer = stage.post("/stage/fault", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert says in answer.json()["detail"]
    assert answer.json()["known"] == [fault.value for fault in Fault]
    assert not any(state["on"] for state in stage.get("/stage/fault").json()["faults"])


def test_a_form_cannot_order_a_fault_or_a_mend(stage: Stage) -> None:
    broken(stage, Fault.API_500)
    assert stage.post("/stage/fault", data={"fault": "api_401", "on": "true"}).status_code == 415
    assert stage.post("/stage/mend", data={"x": "y"}).status_code == 415
    assert stage.faults.is_on(Fault.API_500)
    assert stage.post("/stage/mend", json={}).status_code == 200
    assert not stage.faults.is_on(Fault.API_500)


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://127.0.0.1:1"])
def test_another_sites_page_can_neither_break_nor_mend(stage: Stage, origin: str) -> None:
    for path, body in (("/stage/fault", {"fault": "api_500", "on": True}), ("/stage/mend", {})):
        answer = stage.post(path, json=body, headers={"Origin": origin})
        assert answer.status_code == 403
        assert answer.headers["Content-Type"] == "application/problem+json"
    own = stage.post("/stage/mend", json={}, headers={"Origin": stage.url})
    assert own.status_code == 200


def test_the_fault_list_names_area_and_description_of_all_faults(stage: Stage) -> None:
    stage.post("/stage/fault", json={"fault": "page_blank", "on": True})
    faults = stage.get("/stage/fault").json()["faults"]
    assert [fault["name"] for fault in faults] == [fault.value for fault in Fault]
    assert {fault["area"] for fault in faults} == {"widget", "site", "assessment"}
    assert [fault["name"] for fault in faults if fault["on"]] == ["page_blank"]
    assert all(fault["description"] for fault in faults)


def test_site_500_hits_everything_but_the_panel(stage: Stage) -> None:
    broken(stage, Fault.SITE_500)
    paths = (*WHOLE_SITE, "/assessment/", "/assessment/api/questions")
    assert {stage.get(path).status_code for path in paths} == {500}
    for path in ("/stage/", "/stage/fault", "/stage/flags", "/stage/assets/panel.js"):
        assert stage.get(path).status_code == 200


@pytest.mark.parametrize("path", [WIDGET_PAGE, "/contact-us/", "/assessment/"])
def test_blank_and_wrong_pages_are_pages_only(stage: Stage, path: str) -> None:
    broken(stage, Fault.PAGE_BLANK)
    answer = stage.get(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert stage.get("/v0/feature_toggles").json()["data"]["features"]
    assert stage.get("/assets/site.css").content


def test_a_hanging_site_answers_nobody_but_the_panel_until_it_is_mended(stage: Stage) -> None:
    broken(stage, Fault.SITE_HANG)
    with ThreadPoolExecutor(len(WHOLE_SITE)) as browsers:
        waiting = [browsers.submit(stage.get, path, allow_redirects=False) for path in WHOLE_SITE]
        wait_until(lambda: stage.faults.waiting == len(WHOLE_SITE))
        assert not any(answer.done() for answer in waiting)
        assert stage.post("/stage/mend").status_code == 200
        statuses = [answer.result(timeout=5).status_code for answer in waiting]
    assert statuses == [302, 200, 200, 200, 200, 401]


def test_a_browser_that_hangs_up_gives_its_thread_back(stage: Stage) -> None:
    broken(stage, Fault.SITE_HANG)
    address = stage.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=5) as browser:
        browser.sendall(b"GET /contact-us/ HTTP/1.1\r\nHost: stage\r\n\r\n")
        wait_until(lambda: stage.faults.waiting == 1)
    wait_until(lambda: stage.faults.waiting == 0)


def test_more_hanging_requests_than_threads_leave_the_panel_reachable(stage: Stage) -> None:
    broken(stage, Fault.SITE_HANG)
    with ThreadPoolExecutor(MAX_WAITING + 6) as browsers:
        waiting = [browsers.submit(stage.get, "/contact-us/") for _ in range(MAX_WAITING + 6)]
        wait_until(lambda: sum(answer.done() for answer in waiting) == 6)
        assert stage.faults.waiting == MAX_WAITING
        assert stage.post("/stage/mend").status_code == 200
        statuses = sorted(answer.result(timeout=5).status_code for answer in waiting)
    assert statuses == [200] * MAX_WAITING + [504] * 6


def test_closing_frees_hanging_requests_at_once_and_releases_the_port() -> None:
    app = create_app(lambda actor: {})
    server = serve(app)
    thread = threading.Thread(target=server.run)
    thread.start()
    faults_of(app).switch(Fault.SITE_HANG, on=True)
    with ThreadPoolExecutor(1) as browsers:
        waiting = browsers.submit(requests.get, server.url + "/contact-us/", timeout=30)
        wait_until(lambda: faults_of(app).waiting == 1)
        started = time.monotonic()
        server.close()
        thread.join(timeout=5)
        assert not thread.is_alive()
        assert time.monotonic() - started < 4
        assert waiting.exception(timeout=5) is not None or waiting.result().status_code == 504
    server.close()
    again = serve(app, port=int(server.url.rsplit(":", 1)[1]))
    again.close()
    again.run()


def test_a_port_in_use_is_an_error_at_once() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="in use"),
    ):
        serve(create_app(lambda actor: {}), port=taken.getsockname()[1])


def test_a_hang_ends_at_its_bound_and_a_closed_panel_never_waits() -> None:
    panel = FaultPanel(hang_bound_s=0.05)
    panel.switch(Fault.API_HANG, on=True)
    assert panel.hang(Fault.API_HANG, lambda: False) is False
    endless = FaultPanel()
    endless.switch(Fault.API_HANG, on=True)
    endless.close()
    assert endless.hang(Fault.API_HANG, lambda: False) is False


def test_off_and_on_again_frees_who_waited_before() -> None:
    panel = FaultPanel()
    panel.switch(Fault.API_HANG, on=True)
    with ThreadPoolExecutor(1) as one:
        waiting = one.submit(panel.hang, Fault.API_HANG, lambda: False)
        wait_until(lambda: panel.waiting == 1)
        panel.switch(Fault.API_HANG, on=False)
        panel.switch(Fault.API_HANG, on=True)
        assert waiting.result(timeout=5) is True
