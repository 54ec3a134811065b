"""Drills on a real engine, journal and flag store; only clock and pool are ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Table, text

from daemon import drill_history
from daemon.drill import Ending
from daemon.drill_report import Report
from daemon.drills import CRON, DrillRefused
from daemon.guard import Phase
from daemon.tables import (
    AUDIT,
    BASELINES,
    CIRCUITS,
    DECISIONS,
    DRILLS,
    EVIDENCE,
    FLIPS,
    GUARDS,
    INCIDENTS,
    KNOWN_FLAGS,
    RUNS,
    TIMELINE,
)
from flags.model import FlagState
from probes.model import Outcome, Purpose
from tests.daemon.build import FLAG
from tests.daemon.desk import GUARD, Desk
from tests.daemon.hall import FAULT, F, Hall, P


def everything(desk: Desk, *but: Table) -> dict[str, list[Any]]:
    """Each row of each table, as its bytes are in the journal and in the flag store."""
    found: dict[str, list[Any]] = {}
    tables = (AUDIT, BASELINES, CIRCUITS, DECISIONS, DRILLS, EVIDENCE, FLIPS, GUARDS, INCIDENTS)
    with desk.journal.engine.begin() as db:
        for table in (*tables, KNOWN_FLAGS, RUNS, TIMELINE):
            if table not in but:
                rows = db.execute(text(f"SELECT * FROM {table.name}"))  # noqa: S608 - our own name
                found[table.name] = [tuple(row) for row in rows]
    found["flags"] = [(desk.gates, desk.flag_state)]
    return found


def test_a_good_drill_writes_its_runs_and_its_report_and_nothing_else(hall: Hall) -> None:
    # Its row in the audit says who rehearsed, and that alone.
    apart = (RUNS, DRILLS, AUDIT)
    before, state = everything(hall.desk, *apart), hall.desk.saved()

    told = hall.good()

    assert (told.ending, told.good, told.would_kill) == (Ending.WOULD_KILL, True, True)
    assert told.says.startswith(f"would have turned {FLAG} off after ")
    assert everything(hall.desk, *apart) == before
    assert [(row["action"], row["subject"]) for row in hall.desk.rows(AUDIT)] == [
        ("drill", f"guard {GUARD}")
    ]
    assert hall.desk.saved() == state
    assert hall.desk.engine.state(GUARD) == state
    hall.desk.engine.apply_pending()
    assert (hall.desk.flag_state, hall.desk.dispatched) == (FlagState.ON, [])
    (row,) = hall.desk.rows(DRILLS)
    assert (row["guard"], row["good"], row["detection_s"]) == (GUARD, True, told.detection_s)
    kept = [each for each in hall.desk.rows(RUNS) if each["purpose"] == "drill"]
    assert len(kept) == len(told.runs) >= 4


def test_its_runs_do_not_count_for_the_real_guard(hall: Hall) -> None:
    told = hall.good()
    hall.desk.passes()
    assert hall.desk.phase is Phase.ARMED
    hall.desk.fails()
    assert hall.desk.phase is Phase.SUSPECT
    suspicion = hall.desk.saved().suspicion
    assert suspicion is not None
    assert suspicion.first_failed_at > hall.told(told.id).asked_at
    assert suspicion.reason == "widget: 1 failed run in a row, limit 1"


def test_runs_that_are_no_drills_are_left_to_the_engine(hall: Hall) -> None:
    hall.start()
    one = hall.desk.run_now(F)
    assert hall.drills.take(one) is False
    assert one.id not in {row["id"] for row in hall.desk.rows(RUNS)}


def test_faults_go_into_each_run_and_into_the_control_beside_it(hall: Hall) -> None:
    hall.start()
    (first,) = hall.walked
    assert (first.probe, first.control, first.inject) == ("widget", "", (FAULT,))
    hall.come_in()
    (pair,) = hall.walked
    assert (pair.probe, pair.control, pair.inject) == ("widget", "control", (FAULT,))
    assert (pair.order.control_first, pair.order.fresh) == (True, True), "as the guard would ask"


def test_a_report_tells_the_drill_while_it_is_under_way(hall: Hall) -> None:
    drill = hall.start()
    hall.come_in()
    told = hall.told(drill)
    assert (told.ending, told.says) == (None, "under way: runs so far 1")
    assert (told.by, told.reason, told.faults) == (
        "ann",
        "because",
        ("**/api is answered with 500",),
    )
    assert hall.drills.latest(GUARD) == told
    assert hall.desk.rows(DRILLS) == []


def test_what_was_told_at_the_end_is_what_is_kept(hall: Hall) -> None:
    told = hall.good()
    hall.open()
    assert hall.told(told.id) == told
    assert hall.drills.reports() == hall.drills.reports(GUARD) == (told,)
    assert hall.drills.reports("another") == ()
    assert hall.drills.report("no such") is None


def test_drills_are_listed_newest_first_the_one_under_way_on_top(hall: Hall) -> None:
    first = hall.good()
    second = hall.good()
    third = hall.start()
    assert [each.id for each in hall.drills.reports()] == [third, second.id, first.id]
    assert [each.id for each in hall.drills.reports(limit=2)] == [third, second.id]


def test_one_that_ends_while_drills_are_listed_is_told_as_it_ended(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, drill = drill_history.reports, hall.start()

    def after_its_end(*asked: Any) -> tuple[Report, ...]:
        hall.tick(100)
        return read(*asked)

    monkeypatch.setattr(drill_history, "reports", after_its_end)
    (told,) = hall.drills.reports()
    assert (told.id, told.ending) == (drill, Ending.TIME_OVER)


@pytest.mark.parametrize("by", ["ann", CRON])
def test_a_person_signs_a_drill_whatever_their_name(hall: Hall, by: str) -> None:
    hall.drills.start(GUARD, by, "because")
    (row,) = hall.desk.rows(AUDIT)
    assert (row["actor"], row["action"], row["reason"]) == (by, "drill", "because")


# --- who goes first -----------------------------------------------------------------------------


def test_one_at_a_time(hall: Hall) -> None:
    drill = hall.start()
    with pytest.raises(DrillRefused, match=f"drill {drill} of {GUARD} is under way"):
        hall.start()
    hall.tick(100)
    assert hall.told(drill).ending is Ending.TIME_OVER
    assert hall.start() != drill


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (lambda desk: desk.fails(), "suspicious: what really broke goes first"),
        (lambda desk: desk.trip(), "has tripped: reset it first"),
        (lambda desk: desk.trip().proof(), "has tripped: reset it first"),
        (lambda desk: desk.engine.flip(FLAG, False, "ann", "x"), "is off, so no page shows"),
    ],
    ids=["suspect", "killing", "killed", "human_off"],
)
def test_a_drill_that_would_be_in_the_way_or_in_vain_is_refused(
    hall: Hall, happens: Callable[[Desk], object], why: str
) -> None:
    happens(hall.desk)
    with pytest.raises(DrillRefused, match=why):
        hall.start()
    assert (hall.walked, hall.drills.reports()) == ([], ())


def test_a_guard_without_a_drill_is_refused(hall: Hall) -> None:
    hall.drills.reload(hall.desk.config)
    with pytest.raises(DrillRefused, match=r"has no drill: add guards\.shield\.drill"):
        hall.start()
    with pytest.raises(KeyError):
        hall.drills.start("nobody", "ann")


@pytest.mark.parametrize("by_time", [True, False])
def test_a_real_fault_ends_a_drill_that_says_nothing(hall: Hall, by_time: bool) -> None:
    hall.good()
    drill = hall.start()
    hall.desk.fails()
    if by_time:
        hall.tick()
    else:
        hall.come_in()
    told = hall.told(drill)
    assert (told.ending, told.good) == (Ending.ABORTED, False)
    assert "the real guard is busy with what really broke" in told.says
    assert hall.walked == ([hall.walked[0]] if by_time else [])
    assert hall.sample("tripflag_drill_success") == 1
    assert hall.desk.phase is Phase.SUSPECT


def test_the_rest_of_an_ended_drill_is_kept_but_changes_nothing(hall: Hall) -> None:
    drill = hall.start()
    hall.tick(100)
    told = hall.told(drill)
    hall.come_in()
    assert hall.told(drill) == told
    assert "drill" in {row["purpose"] for row in hall.desk.rows(RUNS)}
    assert hall.walked == []


def test_a_run_told_twice_counts_once(hall: Hall) -> None:
    drill = hall.start()
    (walk,) = hall.walked
    one = hall.desk.run_now(F, id=walk.id, purpose=Purpose.DRILL)
    assert hall.drills.take(one)
    assert hall.drills.take(one)
    assert len(hall.told(drill).runs) == 1


def test_a_probe_is_walked_again_at_its_pace_but_never_beside_itself(desk: Desk) -> None:
    hall = Hall(desk, within_s=600)
    hall.start()
    hall.tick(70)
    assert [each.probe for each in hall.walked] == ["widget"], "the first is still under way"
    hall.come_in(P)
    assert [each.probe for each in hall.walked] == ["widget"]
    hall.come_in(P).tick(50)
    assert hall.walked == []
    hall.tick(10)
    assert [each.probe for each in hall.walked] == ["widget"]


def test_a_run_is_asked_for_at_each_location(desk: Desk) -> None:
    hall = Hall(desk)
    probes = dict(hall.config.probes)
    probes["widget"] = probes["widget"].model_copy(update={"locations": ("near", "far")})
    hall.config = hall.config.model_copy(update={"probes": probes})
    hall.open()
    hall.start()
    assert [each.location for each in hall.walked] == ["near", "far"]


def test_a_control_alone_is_walked_with_the_faults_too(hall: Hall) -> None:
    drill = hall.start()
    hall.come_in(control=Outcome.ERROR).come_in(control=Outcome.ERROR)
    for _ in range(8):
        hall.tick()
    alone = [each for each in hall.walked if each.probe == "control"]
    assert alone
    assert {each.inject for each in alone} == {(FAULT,)}
    hall.come_in().come_in()
    assert hall.told(drill).good


def test_a_control_alone_is_walked_where_the_probe_fails(hall: Hall) -> None:
    probes = dict(hall.config.probes)
    probes["control"] = probes["control"].model_copy(update={"locations": ("elsewhere",)})
    hall.config = hall.config.model_copy(update={"probes": probes})
    hall.open()
    hall.start()
    hall.come_in(control=Outcome.ERROR).come_in(control=Outcome.ERROR)
    for _ in range(8):
        hall.tick()
    assert {each.location for each in hall.walked if each.probe == "control"} == {"local"}


def test_a_control_without_a_browser_goes_beside_a_journey(hall: Hall) -> None:
    probes = dict(hall.config.probes)
    probes["control"] = hall.config.probes["widget"].model_copy(
        update={"kind": "request", "interval_s": None}
    )
    hall.config = hall.config.model_copy(update={"probes": probes})
    hall.open()
    hall.start()
    hall.come_in(control=Outcome.ERROR).come_in(control=Outcome.ERROR)
    for _ in range(8):
        hall.tick()
    assert {each.probe for each in hall.walked} == {"widget"}
    assert "control" in {each.control for each in hall.walked}


def test_a_report_that_cannot_be_kept_is_tried_again(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    drill = hall.start()
    hall.desk.wait(100)
    with hall.desk.journal.engine.begin() as db:
        db.execute(text("ALTER TABLE drills RENAME TO away"))
    with pytest.raises(Exception, match="no such table"):
        hall.drills.pass_time()
    with hall.desk.journal.engine.begin() as db:
        db.execute(text("ALTER TABLE away RENAME TO drills"))
    hall.tick()
    assert [row["id"] for row in hall.desk.rows(DRILLS)] == [drill]
