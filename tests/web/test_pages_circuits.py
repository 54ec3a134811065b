"""The pages of circuits and drills, with something on them."""

from __future__ import annotations

from dataclasses import replace

from flask.testing import FlaskClient

from daemon.web import create_app
from tests.web.conftest import GUARD, Room
from tests.web.test_circuits import guard_switches, with_circuit
from tests.web.test_drills import Hall
from tests.web.test_form_acts import token
from tests.web.test_pages_guard import words


def test_a_circuit_says_why_it_is_open_and_who_keeps_it_so(room: Room) -> None:
    with_circuit(room)
    client = room.app().test_client()
    assert "All is well: applications use the real thing." in words(client.get("/circuits").text)
    guard_switches(room, open_it=True)
    html = client.get("/circuits").text
    said = words(html)
    assert "■ OPEN" in said
    assert "Kept open by guard assessment for" in said
    assert "the <b>widget</b> [red]broke" in said  # as text, and without the escape of a terminal
    assert "<b>widget" not in html
    assert "Circuits that lead users round" in words(client.get("/").text)


def test_a_circuit_is_opened_and_let_go_from_its_page(room: Room) -> None:
    client = with_circuit(room).app().test_client()
    assert "Not now: it is closed already" in words(client.get("/circuits").text)
    for verb, phase in (("open", "■ OPEN"), ("close", "◐ HALF OPEN")):
        form = {"csrf_token": token(client), "by": "pat", "reason": "x", "back": "/circuits"}
        assert client.post(f"/acts/circuits/assessment_api/{verb}", data=form).status_code == 303
        assert phase in words(client.get("/circuits").text)


def drilled(hall: Hall) -> tuple[FlaskClient, str]:
    client = create_app(replace(hall.room.desk(), drills=hall.drills)).test_client()
    page = f"/guards/{GUARD}"
    form = {"csrf_token": token(client), "by": "pat", "reason": "before the weekend", "back": page}
    assert client.post(f"/acts{page}/drill", data=form).status_code == 303
    return client, hall.drills.reports()[0].id


def test_a_drill_is_started_from_the_guards_page_and_told_whole(room: Room) -> None:
    hall = Hall(room)
    client, drill = drilled(hall)
    assert "◐ under way" in words(client.get("/drills").text)
    assert "Drill under way" in words(client.get("/").text)
    hall.finish()
    html = client.get(f"/drills/{drill}").text
    said = words(html)
    assert "● detected" in said
    assert "by pat" in said
    assert "before the weekend" in said
    assert "Last good drill" in said
    assert "**/api is answered with 500" in said
    assert "saw <b>this</b> [red]and" in said
    assert "<b>this" not in html
    assert "Drill: proven" in words(client.get(f"/guards/{GUARD}").text)
    assert drill in client.get(f"/drills?guard={GUARD}").text
    assert drill not in client.get("/drills?guard=assessment").text
