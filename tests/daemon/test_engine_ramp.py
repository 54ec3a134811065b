"""A ramp on a real store: exactly which gates each step leaves, and who wins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from daemon.guard import Phase
from flags.model import Gates
from probes.model import Purpose
from tests.daemon.build import FLAG
from tests.daemon.desk import Desk

RAMP = {"actor": "probe-1", "percentages": [10, 50], "bake_s": 5, "passes": 2, "hold_off_s": 30}
BEFORE = Gates.of(("actors", "User;1"), ("percentage_of_actors", "40"))
FIRST = Gates.of(("actors", "probe-1"))
TENTH = Gates.of(("actors", "probe-1"), ("percentage_of_actors", "10"))


@pytest.fixture
def ramping(desk_of: Callable[..., Desk]) -> Desk:
    """A guard that has killed, and whose hold-off is over."""
    desk = desk_of(recovery="ramp", ramp=RAMP, gates=BEFORE)
    desk.trip().proof()
    assert (desk.phase, desk.gates) == (Phase.KILLED, Gates())
    return step(desk, 31)


def step(desk: Desk, after_s: float = 6) -> Desk:
    desk.wait(after_s).engine.pass_time()
    desk.engine.apply_pending()
    return desk


def test_each_step_writes_its_share_and_the_last_one_the_gates_of_before(ramping: Desk) -> None:
    assert (ramping.phase, ramping.gates) == (Phase.PROBATION, FIRST)
    step(ramping.passes(2))
    assert ramping.gates == TENTH
    step(ramping.passes(2))
    assert ramping.gates == Gates.of(("actors", "probe-1"), ("percentage_of_actors", "50"))
    step(ramping.passes(2))
    assert (ramping.phase, ramping.gates) == (Phase.ARMED, BEFORE)


def test_a_reset_after_a_kill_in_the_ramp_gives_back_the_gates_before_the_first(
    ramping: Desk,
) -> None:
    step(ramping.passes(2))
    assert ramping.gates == TENTH
    ramping.fails().fails(purpose=Purpose.CONFIRM).control()
    ramping.proof()
    assert (ramping.phase, ramping.gates) == (Phase.KILLED, Gates())
    ramping.ask("reset", "mended")
    assert (ramping.phase, ramping.gates) == (Phase.ARMED, BEFORE)


def test_a_person_who_writes_another_share_past_us_ends_the_ramp(ramping: Desk) -> None:
    ramping.engine.poll_flags()
    theirs = Gates.of(("percentage_of_actors", "75"))
    ramping.store.replace_gates(FLAG, theirs)
    ramping.wait().engine.poll_flags()
    assert ramping.phase is Phase.HUMAN_ON
    step(ramping.passes(3), 60)
    assert ramping.gates == theirs


def test_a_step_is_not_written_over_a_write_that_no_poll_has_seen(ramping: Desk) -> None:
    theirs = Gates.of(("percentage_of_actors", "75"))
    ramping.passes(2)
    ramping.store.replace_gates(FLAG, theirs)
    step(ramping)
    assert (ramping.phase, ramping.gates) == (Phase.HUMAN_ON, theirs)


def test_a_restart_asks_anew_for_what_would_confirm(desk: Desk) -> None:
    desk.fails()
    asked: Any = [(o.probe, o.purpose, o.control) for o in desk.dispatched]
    desk.reopen()
    desk.engine.apply_pending()
    assert [(o.probe, o.purpose, o.control) for o in desk.dispatched] == asked
    assert asked == [("widget", Purpose.CONFIRM, "control")]


@pytest.mark.parametrize(("away_s", "control_first"), [(29, True), (30, False)])
def test_after_a_restart_the_control_goes_first_where_a_failure_is_young_enough_beside_it(
    desk: Desk, away_s: float, control_first: bool
) -> None:
    desk.fails().wait(away_s).reopen()
    desk.engine.apply_pending()
    assert [order.control_first for order in desk.dispatched] == [control_first]
