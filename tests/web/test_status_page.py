"""The public status page: opted in, without a session, and without anything that is not public."""

from __future__ import annotations

from daemon.guard import Phase
from daemon.guard.messages import OperatorAsked
from daemon.web.pages.status import CACHED_S
from probes.model import Purpose
from tests.web.conftest import BOTH, FLAG, GUARD, Build, Room
from tests.web.test_incidents import down

REASON = "secret text of the target"
PERSON = "alice_in_the_audit"


def open_to_public(build: Build) -> Room:
    return build(web={"status_page": True, "tokens": BOTH})


def shown(room: Room) -> str:
    """Ask as anybody, without a token, and check what holds always."""
    answered = room.app().test_client().get("/status")
    assert answered.status_code == 200
    assert answered.headers["Cache-Control"] == f"public, max-age={CACHED_S}"
    assert "Set-Cookie" not in answered.headers
    assert "Cookie" not in answered.headers.get("Vary", "")
    for hidden in ("<a ", "<script", "<form", REASON, PERSON, FLAG):
        assert hidden not in answered.text
    return answered.text


def test_there_is_no_such_page_unless_the_configuration_opts_in(room: Room) -> None:
    answered = room.app().test_client().get("/status")
    assert answered.status_code == 404
    assert "set web.status_page" in answered.text


def test_a_quiet_site_works(build: Build) -> None:
    text = shown(open_to_public(build))
    assert text.count("Working") == 2
    assert "Representative status" in text
    assert "Nothing is open." in text


def test_a_kill_is_turned_off_until_it_is_reset(build: Build) -> None:
    room = open_to_public(build)
    room.run(outcome="failed", reason=REASON)
    assert "Being looked at" in shown(room)
    room.break_widget(REASON)
    room.prove()
    text = shown(room)
    assert "Turned off while we mend it" in text
    assert "A part of the page did not work and was turned off." in text
    assert "not over yet" in text
    room.engine.ask(GUARD, OperatorAsked("reset", PERSON, REASON))
    text = shown(room)
    assert text.count("Working") == 2
    assert "Nothing is open." in text
    assert " until " in text


def test_a_site_that_is_down_is_being_looked_at(build: Build) -> None:
    room = open_to_public(build)
    room.run(outcome="failed", reason=REASON)
    room.run("widget_control", "failed", purpose=Purpose.CONTROL, reason=REASON)
    for _ in range(2):
        room.run(outcome="failed", reason=REASON, purpose=Purpose.CONFIRM, hard=True)
    text = shown(room)
    assert "Being looked at" in text
    assert "The site does not answer as it should." in text


def test_a_flag_that_a_person_turned_off_is_off(build: Build) -> None:
    room = open_to_public(build)
    room.engine.flip(FLAG, False, PERSON, REASON)
    room.engine.poll_flags()
    assert "Turned off while we mend it" in shown(room)


def test_a_kill_that_users_still_meet_is_not_said_to_be_off(build: Build) -> None:
    room = open_to_public(build)
    spec = room.config.guards[GUARD]
    impatient = spec.propagation.model_copy(update={"budget_s": 0.0})
    guards = {**room.config.guards, GUARD: spec.model_copy(update={"propagation": impatient})}
    room.engine.reload(room.config.model_copy(update={"guards": guards}))
    room.break_widget(REASON)
    assert "Turned off while we mend it" in shown(room)
    room.run("widget_gone", "failed", purpose=Purpose.PROOF, reason=REASON)
    assert room.engine.phases()[GUARD] is Phase.KILL_FAILED
    text = shown(room)
    assert "Turned off while we mend it" not in text
    assert "Being looked at" in text


def test_a_hold_does_not_make_a_site_work_that_is_down(build: Build) -> None:
    room = open_to_public(build)
    down(room)
    room.engine.ask(GUARD, OperatorAsked("hold", PERSON, REASON))
    assert room.engine.phases()[GUARD] is Phase.HELD
    text = shown(room)
    assert "Being looked at" in text
    assert text.count("Working") == 1
