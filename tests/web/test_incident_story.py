"""An incident's story: its own lines, what led to it, and no walk through a guard's whole life."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import event, insert

from daemon import history
from daemon.guard.messages import OperatorAsked
from daemon.history import IncidentRecord
from daemon.incidents.facts import gather
from daemon.tables import TIMELINE
from tests.web.conftest import GUARD, Room
from tests.web.test_incidents import act, opened


def told(room: Room, incident: str) -> IncidentRecord:
    found = history.incident(room.journal, incident)
    assert found is not None
    return found


def texts(room: Room, incident: str) -> list[str]:
    return [line.text for line in history.story(room.journal, told(room, incident))]


def ask(room: Room, verb: Any) -> None:
    room.engine.ask(GUARD, OperatorAsked(verb, "ann", "because"))
    room.engine.apply_pending()


def noted(room: Room, *lines: tuple[datetime, str], before: bool = False) -> None:
    """Let the guard note lines that belong to no incident; `before` all that it noted so far."""
    rows = [{"guard": GUARD, "at": at, "text": text} for at, text in lines]
    if before:  # the newest first, below the first number
        rows = [{**row, "id": -n} for n, row in enumerate(rows)]
    with room.journal.turn() as turn:
        turn.db.execute(insert(TIMELINE), rows)


def work(room: Room, read: Callable[[], object]) -> int:
    """Count what SQLite does for a read, in hundreds of its instructions."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    def watch(connection: Any, *_: Any) -> None:
        connection.connection.driver_connection.set_progress_handler(tick, 100)

    event.listen(room.journal.engine, "before_cursor_execute", watch)
    try:
        read()
    finally:
        event.remove(room.journal.engine, "before_cursor_execute", watch)
    return count


def test_a_story_costs_the_same_however_long_its_guard_lived_before_and_after(room: Room) -> None:
    first = opened(room)
    ask(room, "reset")
    ask(room, "trip")
    ask(room, "reset")
    begun, last = told(room, first).opened_at, history.incidents(room.journal, guard=GUARD)[0]
    short = {each: texts(room, each) for each in (first, last.id)}
    least = {each: work(room, partial(texts, room, each)) for each in short}

    assert last.closed_at is not None
    early, late = begun - timedelta(hours=2), last.closed_at + timedelta(hours=2)
    seconds = [timedelta(seconds=n) for n in range(5000)]
    noted(room, *((early - each, "SUSPECT: x") for each in seconds), before=True)
    noted(room, *((late + each, "released by ann: x") for each in seconds))
    for each, lines in short.items():
        assert texts(room, each) == lines
        assert work(room, partial(texts, room, each)) <= least[each] + 5


def test_a_suspicion_that_was_over_did_not_lead_to_the_next_incident(room: Room) -> None:
    first = opened(room)
    ask(room, "reset")
    assert texts(room, first)[0].startswith("SUSPECT: ")
    assert texts(room, first)[-1] == "reset: users are exposed again"
    ask(room, "trip")
    last = history.incidents(room.journal, guard=GUARD, is_open=True)[0]
    assert "SUSPECT" not in "".join(texts(room, last.id))
    assert "users are exposed again" not in "".join(texts(room, last.id))
    # A post-mortem counts users as hit from then on.
    assert gather(room.journal, last).began_at == last.opened_at


def test_a_suspicion_that_goes_on_leads_to_the_incident_whatever_is_noted_between(
    room: Room,
) -> None:
    room.run(outcome="failed", reason="the mount node is empty")
    ask(room, "hold")
    ask(room, "release")
    ask(room, "trip")
    (incident,) = history.incidents(room.journal)
    begins = [text.split(":")[0].split(" ")[0] for text in texts(room, incident.id)[:3]]
    assert begins == ["SUSPECT", "HELD", "released"]


def test_what_people_add_after_the_end_belongs_to_the_story_and_what_the_guard_notes_does_not(
    room: Room,
) -> None:
    incident = opened(room)
    ask(room, "reset")
    ended = told(room, incident).closed_at
    assert ended is not None
    noted(room, (ended + timedelta(minutes=1), "HELD by ann: for the release"))
    client = room.app().test_client()
    assert act(client, incident, "note", {"text": "it was the CDN", "by": "bob"}).status_code == 200
    whole = texts(room, incident)
    assert whole[-2:] == ["reset: users are exposed again", "it was the CDN"]
    # The newest lines, where not all are asked for.
    few = history.story(room.journal, told(room, incident), limit=2)
    assert [line.text for line in few] == whole[-2:]
    (one,) = history.story(room.journal, told(room, incident), limit=1)
    assert one.text == "it was the CDN"


def test_an_incident_without_a_line_has_no_story(room: Room) -> None:
    lost = replace(told(room, opened(room)), id="nobody")
    assert history.story(room.journal, lost) == ()


def test_what_many_people_wrote_hides_neither_the_kill_nor_what_the_guard_saw(room: Room) -> None:
    incident = opened(room)
    row = {"guard": GUARD, "incident": incident, "at": datetime.now(UTC), "by": "bob"}
    with room.journal.turn() as turn:
        turn.db.execute(insert(TIMELINE), [{**row, "text": f"note {n}"} for n in range(300)])
    client = room.app().test_client()
    shown = client.get(f"/api/v1/incidents/{incident}").get_json()
    (trip,) = shown["trips"]
    assert None not in (trip["first_failed_at"], trip["verified_at"], trip["took_s"])
    assert shown["began_at"] < shown["incident"]["opened_at"]
    assert [line["text"] for line in shown["timeline"]] == [f"note {n}" for n in range(100, 300)]
    written = client.get(f"/api/v1/incidents/{incident}/postmortem.md").text
    assert "No explanation is on record" not in written
    assert "never proven" not in written
