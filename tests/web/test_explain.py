"""`tripflag explain` and its API."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from typer.testing import CliRunner, Result

from daemon.cli import main
from daemon.web import WebServer
from probes.model import Purpose
from tests.web.conftest import FLAG, GUARD, OPERATOR, VIEWER, Room, ago, bearer

WHERE = f"/api/v1/guards/{GUARD}/explain"


def killed(room: Room) -> None:
    """Whatever the limits are: fail beside a passing control until the flag is off."""
    room.break_widget()
    while room.flag() == "on":
        room.run(outcome="failed", reason="still missing", purpose=Purpose.CONFIRM)
        room.engine.apply_pending()
        assert room.started < 20, "the guard never decided"
    room.prove()


def test_an_explanation_comes_as_text_and_as_values(room: Room, client: FlaskClient) -> None:
    room.run(outcome="failed", reason="the <b>widget</b>\x1b[2J is missing", started_at=ago(9))
    told = client.get(WHERE).json
    assert told["explanation"]["phase"] == "suspect"
    assert told["text"].splitlines()[1].startswith("  SUSPECT since ")
    assert f"flag: {FLAG} is on" in told["text"]
    assert "to act: a control run that passes" in told["text"]
    assert "\x1b" not in told["text"]
    (rule,) = [each for each in told["explanation"]["rules"] if each["breached"]]
    assert (rule["observed"], rule["limit"]) == (1, 1)


def test_a_past_time_is_explained_as_it_was(room: Room, client: FlaskClient) -> None:
    room.run(started_at=ago(20))
    between = datetime.now(UTC).isoformat()
    killed(room)
    assert client.get(WHERE).json["explanation"]["phase"] == "killed"
    then = client.get(f"{WHERE}?at={quote(between)}").json["explanation"]
    assert (then["phase"], len(then["runs"])) == ("armed", 1)
    assert then["caveats"] == ["limits as they are now; those in force then may have been others"]


def test_the_control_that_allowed_a_kill_is_still_shown_after_it(
    room: Room, client: FlaskClient
) -> None:
    killed(room)
    told = client.get(WHERE).json["explanation"]
    assert told["control"]["finding"] == "passes"
    (control,) = [run for run in told["runs"] if run["purpose"] == Purpose.CONTROL]
    assert control["why"] == "a control never counts against the widget"


@pytest.mark.parametrize(
    ("at", "status", "says"),
    [
        ("yesterday", 400, "at is no time"),
        ("2026-01-31T12:00:00", 400, "at has no zone"),
        ("9999-12-31T23:59:59Z", 404, "at is in the future"),
        ("0001-01-01T00:00:00%2B14:00", 400, "beyond all calendars"),
    ],
)
def test_a_bad_time_is_refused_with_a_remedy(
    client: FlaskClient, at: str, status: int, says: str
) -> None:
    refused = client.get(f"{WHERE}?at={at}")
    assert refused.status_code == status
    assert refused.mimetype == "application/problem+json"
    assert says in refused.json["detail"]


def test_an_unknown_guard_and_a_pruned_time_are_not_found(room: Room, client: FlaskClient) -> None:
    unknown = client.get("/api/v1/guards/nobody/explain")
    assert unknown.status_code == 404
    assert GUARD in unknown.json["known"]
    room.break_widget()
    long_ago = quote(ago(3600).isoformat())
    assert client.get(f"{WHERE}?at={long_ago}").status_code == 200, "it was told nothing by then"
    room.journal.prune(datetime.now(UTC))
    gone = client.get(f"{WHERE}?at={long_ago}")
    assert gone.status_code == 404
    assert "kept no longer" in gone.json["detail"]


def test_a_viewer_may_ask_and_a_stranger_may_not(locked: Room) -> None:
    client = locked.app().test_client()
    answers = [client.get(WHERE, headers=bearer(token)) for token in (VIEWER, OPERATOR, "x" * 20)]
    assert [each.status_code for each in answers] == [200, 200, 401]


@pytest.fixture
def call(room: Room, served: Callable[[Room], WebServer]) -> Callable[..., Result]:
    url = served(room).url

    def run(*words: str) -> Result:
        return CliRunner(env={"TRIPFLAG_URL": url}).invoke(main, ["explain", *words])

    return run


def test_the_command_prints_the_text_or_json(room: Room, call: Callable[..., Result]) -> None:
    room.run(outcome="failed", reason="[red]alert[/red]")
    ended = call(GUARD)
    assert ended.exit_code == 0, ended.output
    assert "what would have to happen next" in ended.stdout
    assert "[red]alert[/red]" in ended.stdout, "no markup of a target's is obeyed"
    then = call(GUARD, "--at", "2026-01-31T12:00:00+01:00", "--json")
    assert json.loads(then.stdout)["at"] == "2026-01-31T11:00:00Z"


def test_the_command_says_what_was_wrong(call: Callable[..., Result]) -> None:
    unknown = call("nobody")
    assert unknown.exit_code == 2
    assert "no guard is named 'nobody'" in unknown.stderr
    assert call(GUARD, "--at", "noon").exit_code == 2
