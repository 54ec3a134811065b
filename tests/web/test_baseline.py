"""Accessibility violations that somebody accepted are not new any more."""

from __future__ import annotations

from daemon.baselines import accepted
from probes.model import Violation
from tests.web.conftest import Room

PROBE = "widget_signed_out"
KNOWN = Violation("image-alt", "critical", "img.seal", "Images must have a text")


def test_what_axe_last_found_becomes_the_baseline(room: Room) -> None:
    room.run(PROBE, violations=(KNOWN,))
    room.run(PROBE)  # a run that axe did not look at changes nothing
    client = room.app().test_client()

    answer = client.post(f"/api/v1/probes/{PROBE}/baseline", json={"reason": "known since May"})

    assert (answer.status_code, answer.json) == (200, {"accepted": 1})
    with room.journal.turn() as turn:
        assert accepted(turn, [PROBE]) == {PROBE: {("image-alt", "img.seal")}}


def test_a_page_that_axe_never_saw_has_nothing_to_accept(room: Room) -> None:
    room.run(PROBE)
    client = room.app().test_client()

    answer = client.post(f"/api/v1/probes/{PROBE}/baseline", json={"reason": "all is well"})

    assert answer.status_code == 409
    assert "set accessibility: true" in answer.json["detail"]


def test_accepting_needs_a_reason_and_a_probe_that_is_there(room: Room) -> None:
    client = room.app().test_client()
    assert client.post(f"/api/v1/probes/{PROBE}/baseline", json={}).status_code == 422
    unknown = client.post("/api/v1/probes/nobody/baseline", json={"reason": "because"})
    assert unknown.status_code == 404
