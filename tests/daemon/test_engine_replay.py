"""Replaying the journal rebuilds the state, whatever happened."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

from daemon.guard import GuardRefuses, Phase
from daemon.tables import DECISIONS, FLIPS, INCIDENTS
from probes.model import Outcome
from tests.daemon.build import FLAG
from tests.daemon.desk import GUARD, Desk


class Life:
    """Random things that happen to a desk, with a bias to what leads to kills and resets."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk = desk
        self.chance = random.Random(seed)  # noqa: S311
        self.reached: set[Phase] = set()

    def live(self, turns: int) -> None:
        things = (self.run, self.trip, self.control, self.proof, self.person, self.ask)
        rare = (self.store_is_down, self.daemon_dies, self.time_passes)
        for _ in range(turns):
            self.chance.choices((*things, *rare), (10, 2, 4, 4, 3, 4, 1, 1, 1))[0]()
            self.reached.add(self.desk.phase)

    def run(self) -> None:
        exposed = self.chance.choice([True, True, False, None])
        self.desk.take(self.chance.choice(list(Outcome)), exposed=exposed)

    def trip(self) -> None:
        self.desk.trip()

    def control(self) -> None:
        self.desk.control(self.chance.choice([Outcome.PASSED, Outcome.PASSED, Outcome.FAILED]))

    def proof(self) -> None:
        self.desk.proof(told=self.chance.choice([True, False]))

    def person(self) -> None:
        self.desk.store.set(FLAG, self.chance.choice([True, False]))
        self.desk.wait().engine.poll_flags()

    def ask(self) -> None:
        with suppress(GuardRefuses):
            self.desk.ask(self.chance.choice(["trip", "reset", "reset", "hold", "release"]))

    def store_is_down(self) -> None:
        with self.desk.store_locked("IMMEDIATE"):
            self.desk.trip()

    def daemon_dies(self) -> None:
        self.desk.reopen()
        self.desk.engine.apply_pending()

    def time_passes(self) -> None:
        self.desk.wait(self.chance.choice([10, 100, 5000]))


def test_folding_anew_what_a_guard_was_told_gives_the_state_that_was_saved(tmp_path: Path) -> None:
    reached: set[Phase] = set()
    for seed in range(6):
        folder = tmp_path / str(seed)
        folder.mkdir()
        desk = Desk(folder, blind_after=3, human_on_s=30, propagation={"budget_s": 20})
        life = Life(desk, seed)
        try:
            for _ in range(2):
                life.live(30)
                assert desk.replayed() == desk.saved() == desk.engine.state(GUARD)
            _the_audit_is_whole(desk)
        finally:
            desk.close()
        reached |= life.reached
    worth = {Phase.KILLED, Phase.KILL_FAILED, Phase.HUMAN_ON, Phase.HUMAN_OFF, Phase.HELD}
    assert worth <= reached, "lives in which nothing happens prove nothing"


def _the_audit_is_whole(desk: Desk) -> None:
    desk.wait(3600).engine.apply_pending()
    flips = [row for row in desk.rows(DECISIONS) if row["kind"] == "flip"]
    applied = [row["id"] for row in flips if row["state"] == "applied"]
    assert [row["decision_id"] for row in desk.rows(FLIPS)] == applied, "one row for each"
    assert "pending" not in {row["state"] for row in flips}
    still_open = [row["id"] for row in desk.rows(INCIDENTS) if row["closed_at"] is None]
    incident = desk.saved().incident
    assert still_open == ([] if incident is None else [incident.id])
