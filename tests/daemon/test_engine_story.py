"""The engine's turn on real files: a whole kill and reset, and what people do meanwhile."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from daemon.guard import GuardRefuses, Phase
from daemon.guard.messages import FlagSeen, OperatorAsked, RunProbe
from daemon.tables import DECISIONS, EVIDENCE, INCIDENTS, RUNS, TIMELINE
from flags.model import FlagState, Gates, StoreUnavailable, UnknownFlag
from flags.stores.sql import ENABLED
from probes.model import Exposure, Outcome, Purpose, Step, Vitals
from tests.daemon.build import FLAG, guard
from tests.daemon.desk import GUARD, Desk

Opener = Callable[..., Desk]


def test_a_broken_widget_is_switched_off_proven_gone_and_reset(desk: Desk) -> None:
    desk.fails()
    assert desk.phase is Phase.SUSPECT
    assert [(o.probe, o.purpose, o.control) for o in desk.dispatched] == [
        ("widget", Purpose.CONFIRM, "control")
    ]
    desk.control().fails()
    assert desk.flag_state is FlagState.ON
    desk.fails()
    assert desk.flag_state is FlagState.OFF
    assert desk.phase is Phase.KILLED_UNVERIFIED
    assert desk.dispatched[-1] == RunProbe("proof", Purpose.PROOF)
    desk.proof()
    assert desk.phase is Phase.KILLED
    desk.ask("reset", "mended")
    assert desk.phase is Phase.ARMED
    assert desk.gates == ENABLED
    assert desk.flips == [("on", "off", "guard"), ("off", "on", "ann")]
    (incident,) = desk.rows(INCIDENTS)
    assert incident["cause"] == "widget"
    assert incident["closed_at"] == desk.now
    lines = [row["text"] for row in desk.rows(TIMELINE)]
    explained = [line for line in lines if line.startswith(f"{GUARD} at ")]
    assert len(explained) == 1, "the incident begins with the guard's own explanation"
    lines.remove(explained[0])
    assert [line.split(":")[0] for line in lines] == [
        "SUSPECT",
        "widget",
        f"{FLAG} is off in the store, read back equal",
        "KILLED",
        "reset asked by ann",
        "closed",
        "reset",
    ]
    assert {row["state"] for row in desk.rows(DECISIONS)} == {"applied"}


@pytest.mark.parametrize(
    "gates",
    [
        ENABLED,
        Gates.of(("percentage_of_actors", "12.5")),
        Gates.of(("percentage_of_actors", "100")),
        Gates.of(("actors", "User;1"), ("actors", "User;2"), ("groups", "beta")),
        Gates.of(("boolean", "true"), ("actors", "User;1"), ("percentage_of_time", "0")),
    ],
    ids=["boolean", "percentage", "everybody by percentage", "actors and groups", "mixed"],
)
def test_a_reset_gives_back_exactly_the_gates_that_the_trip_took(
    desk_of: Opener, gates: Gates
) -> None:
    desk = desk_of(gates=gates)
    desk.trip().proof()
    assert desk.gates == Gates()
    assert desk.ask("reset").gates == gates


def test_a_trip_of_a_flag_that_was_off_resets_to_off_and_blames_nobody(desk_of: Opener) -> None:
    desk = desk_of(gates=Gates())
    desk.ask("trip").proof().ask("reset")
    assert desk.gates == Gates()
    desk.wait().engine.poll_flags()
    assert desk.phase is Phase.HUMAN_OFF
    assert desk.rows(EVIDENCE)[-1]["kind"] == "flip_applied", "the poll had nothing to tell"


def test_a_fallback_guard_turns_its_flag_on_and_resets_it_to_off(desk_of: Opener) -> None:
    desk = desk_of(gates=Gates(), act="fallback")
    desk.fails(exposed=False).control().fails(2, exposed=False)
    assert desk.gates == ENABLED
    desk.proof(told=True)
    assert desk.phase is Phase.KILLED
    assert desk.ask("reset").gates == Gates()
    assert desk.flips == [("off", "on", "guard"), ("on", "off", "ann")]


def test_an_observing_guard_writes_nothing(desk_of: Opener) -> None:
    desk = desk_of(mode="observe")
    desk.trip().fails(3)
    assert (desk.flips, desk.gates) == ([], ENABLED)
    assert "would have tripped" in desk.rows(TIMELINE)[-1]["text"]


def test_a_run_told_twice_is_one_row_one_verdict_and_one_count(desk: Desk) -> None:
    once = desk.run_now(id="the-same")
    desk.wait().engine.take_run(once)
    desk.wait().engine.take_run(once)
    assert len(desk.rows(RUNS)) == len(desk.rows(EVIDENCE)) == 1
    labels = {"job": "widget", "location": "local", "outcome": "failed"}
    assert desk.sample("tripflag_runs_total", **labels) == 1


def test_a_run_of_a_probe_that_left_the_configuration_is_dropped(desk: Desk) -> None:
    desk.take(Outcome.FAILED, probe="stranger")
    assert desk.rows(RUNS) == []


def test_a_page_cannot_make_the_guard_deaf_with_text_that_no_utf8_can_hold(desk: Desk) -> None:
    desk.fails(reason="half a pair \ud83d and a nul \0")
    assert desk.phase is Phase.SUSPECT
    assert "half a pair ?" in desk.rows(TIMELINE)[0]["text"]


def test_runs_that_could_not_judge_do_not_push_a_streak_out_of_sight(desk_of: Opener) -> None:
    desk = desk_of(rules=[{"rule": "consecutive_failures", "limit": 2}], blind_after=500)
    desk.fails()
    for _ in range(40):
        desk.take(Outcome.ERROR)
    assert desk.fails().phase is Phase.SUSPECT


def test_every_location_has_its_whole_streak_in_sight(desk_of: Opener) -> None:
    desk = desk_of(rules=[{"rule": "consecutive_failures", "limit": 3}])
    places = [f"place_{n}" for n in range(12)]
    for outcome in (Outcome.FAILED, Outcome.FAILED):
        for place in places:
            desk.take(outcome, location=place)
    for place in places[1:]:
        desk.passes(location=place)
    assert desk.fails(location=places[0]).phase is Phase.SUSPECT


def test_operators_commands_that_make_no_sense_change_nothing(desk: Desk) -> None:
    with pytest.raises(GuardRefuses):
        desk.ask("reset")
    assert desk.rows(EVIDENCE) == []
    with pytest.raises(KeyError):
        desk.engine.ask("stranger", OperatorAsked("trip", "ann", "why"))


def test_an_operators_flip_is_adopted_by_the_guard(desk: Desk) -> None:
    desk.wait().engine.poll_flags()
    desk.wait().engine.flip(FLAG, False, "ann", "I saw it break")
    assert (desk.phase, desk.gates) == (Phase.HUMAN_OFF, Gates())
    desk.wait().engine.flip(FLAG, True, "ann", "it was not that")
    assert (desk.phase, desk.gates) == (Phase.HUMAN_ON, ENABLED)
    assert desk.flips == [("on", "off", "ann"), ("off", "on", "ann")]


def test_an_operators_flip_of_an_unknown_flag_decides_and_creates_nothing(desk: Desk) -> None:
    with pytest.raises(UnknownFlag):
        desk.engine.flip("no_such_flag", True, "ann", "why")
    assert desk.rows(DECISIONS) == []
    assert [flag.name for flag in desk.store.flags()] == [FLAG]


def test_an_operators_flip_without_a_store_decides_nothing(desk: Desk) -> None:
    with desk.store_locked(), pytest.raises(StoreUnavailable):
        desk.engine.flip(FLAG, False, "ann", "why")
    assert desk.rows(DECISIONS) == []


def test_a_persons_change_in_the_store_is_noticed_and_adopted(desk: Desk) -> None:
    desk.wait().engine.poll_flags()
    assert desk.phase is Phase.ARMED
    desk.store.set(FLAG, False)
    desk.wait().engine.poll_flags()
    assert desk.phase is Phase.HUMAN_OFF
    told = len(desk.rows(EVIDENCE))
    desk.wait().engine.poll_flags()
    assert len(desk.rows(EVIDENCE)) == told, "what is known is not told again"


def test_a_person_who_turns_a_killed_flag_on_is_not_fought(desk: Desk) -> None:
    desk.wait().engine.poll_flags()
    desk.trip().proof()
    desk.store.set(FLAG, True)
    desk.wait().engine.poll_flags()
    assert desk.phase is Phase.HUMAN_ON
    desk.trip()
    assert desk.gates == ENABLED
    assert desk.rows(INCIDENTS)[0]["closed_at"] is not None


def test_an_unreadable_store_tells_the_guard_nothing_and_shows(desk: Desk) -> None:
    desk.wait().engine.poll_flags()
    assert desk.sample("tripflag_store_up") == 1
    with desk.store_locked():
        desk.wait().engine.poll_flags()
    assert desk.sample("tripflag_store_up") == 0
    assert desk.phase is Phase.ARMED


def test_a_poll_that_read_before_our_write_is_not_taken_for_a_person(desk: Desk) -> None:
    desk.wait().engine.poll_flags()
    read_at = desk.wait().now
    desk.trip()
    desk.engine.tell(GUARD, FlagSeen(True, read_at))
    assert desk.phase is Phase.KILLED_UNVERIFIED


def test_a_flag_that_is_not_in_the_store_is_no_reason_to_stop(desk: Desk) -> None:
    desk.store.delete(FLAG)
    desk.wait().engine.poll_flags()
    assert desk.phase is Phase.ARMED


def test_a_kill_that_brings_a_new_error_to_the_page_is_not_proven(desk: Desk) -> None:
    desk.take(Outcome.PASSED, browser="chromium", console_errors=("old",)).trip()
    page = {"probe": "proof", "purpose": Purpose.PROOF, "exposed": False, "browser": "chromium"}
    desk.take(Outcome.PASSED, console_errors=("old", "new"), **page)
    assert desk.phase is Phase.KILLED_UNVERIFIED
    # What the page logs since the act is no excuse for a later proof.
    desk.take(Outcome.PASSED, console_errors=("new",), **page)
    assert desk.phase is Phase.KILLED_UNVERIFIED
    desk.take(Outcome.PASSED, console_errors=("old",), **page)
    assert desk.phase is Phase.KILLED


def test_suspicious_guards_ask_for_their_fast_pace(desk: Desk) -> None:
    assert desk.engine.fast_probes() == frozenset()
    assert desk.fails().engine.fast_probes() == {"widget"}
    assert desk.control().fails(2).engine.fast_probes() == frozenset()


def test_a_guard_will_soon_ask_for_what_confirms_a_failure_and_for_the_proof_of_its_act(
    desk: Desk,
) -> None:
    assert desk.engine.probes_asked_soon() == frozenset()
    assert desk.fails().engine.probes_asked_soon() == {"widget", "proof"}
    desk.control().fails(2)
    assert desk.phase is Phase.KILLED_UNVERIFIED
    assert desk.engine.probes_asked_soon() == {"proof"}
    assert desk.proof().engine.probes_asked_soon() == frozenset()


def test_a_guard_that_blames_the_site_asks_for_nothing_soon(desk: Desk) -> None:
    desk.fails().control(Outcome.FAILED).fails(2)
    assert desk.phase is Phase.SITE_DOWN
    assert desk.engine.probes_asked_soon() == frozenset()


def test_a_guard_that_only_observes_asks_for_nothing_once_it_would_have_acted(
    desk_of: Callable[..., Desk],
) -> None:
    desk = desk_of(mode="observe").fails()
    assert desk.engine.probes_asked_soon() == {"widget", "proof"}
    desk.control().fails(2)
    assert desk.phase is Phase.SUSPECT
    assert desk.engine.probes_asked_soon() == frozenset()


def test_a_failure_below_every_limit_is_asked_about_until_that_run_would_be_lost(
    desk_of: Callable[..., Desk],
) -> None:
    desk = desk_of(rules=[{"rule": "consecutive_failures", "limit": 3}]).fails()
    assert desk.phase is Phase.ARMED
    assert desk.engine.probes_asked_soon() == {"widget", "proof"}
    desk.wait(desk.config.guards[GUARD].control_max_age_s + 1)
    assert desk.engine.probes_asked_soon() == frozenset()


def test_a_run_that_was_asked_for_too_long_ago_expires_but_a_proof_does_not(desk: Desk) -> None:
    desk.engine.take_run(desk.run_now())
    desk.wait(31).engine.apply_pending()
    assert desk.dispatched == []
    assert {row["state"] for row in desk.rows(DECISIONS)} == {"expired"}
    desk.fails().control().fails(2).dispatched.clear()
    desk.proof(told=True)
    desk.wait(3600).engine.apply_pending()
    assert [order.purpose for order in desk.dispatched] == [Purpose.PROOF]


def test_a_run_that_is_not_yet_due_waits_and_its_time_is_returned(desk: Desk) -> None:
    desk.fails().dispatched.clear()
    desk.engine.take_run(desk.run_now(Outcome.ERROR, probe="control", purpose=Purpose.CONTROL))
    due = desk.engine.apply_pending()
    assert due is not None
    assert due > desk.now
    assert "control" not in [order.probe for order in desk.dispatched]
    desk.now = due
    assert desk.engine.apply_pending() is None
    assert desk.dispatched[-1].probe == "control"


def test_reloading_keeps_states_and_drops_series_of_what_is_gone(desk: Desk) -> None:
    desk.trip().proof()
    series = {"job": "widget", "location": "local", "outcome": "failed"}
    assert desk.sample("tripflag_runs_total", **series) == 3
    before = desk.config
    other = guard(name="other", flag="other_flag", probes=["shop"])
    probe = before.probes["widget"].model_copy(update={"name": "shop"})
    desk.engine.reload(
        before.model_copy(
            update={
                "guards": {**before.guards, "other": other},
                "probes": {**before.probes, "shop": probe},
            }
        )
    )
    assert desk.engine.phases() == {GUARD: Phase.KILLED, "other": Phase.ARMED}
    desk.engine.reload(
        before.model_copy(
            update={"guards": {"other": other}, "probes": {"shop": probe}},
        )
    )
    shown = desk.metrics.exposition().decode()
    assert 'job="widget"' not in shown
    assert f'guard="{GUARD}"' not in shown
    assert 'guard="other"' in shown
    desk.engine.reload(before)
    assert desk.phase is Phase.KILLED, "its state was in the journal all the while"


def test_the_metrics_tell_the_story(desk: Desk) -> None:
    vitals = Vitals(ttfb_s=0.1, lcp_s=2.0, cls=0.05)
    steps = (Step("open", Outcome.PASSED, 0.2),)
    desk.passes(vitals=vitals, steps=steps)
    where = {"job": "widget", "location": "local"}
    site = {**where, "instance": "http://127.0.0.1:1"}
    assert desk.sample("probe_success", **site) == 1
    assert desk.sample("probe_duration_seconds", **site) == 0.5
    assert desk.sample("tripflag_web_vital_seconds", **where, vital="lcp") == 2.0
    assert desk.sample("tripflag_web_vital_cls", **where) == 0.05
    assert desk.sample("tripflag_flag_value", **where, flag=FLAG) == 1
    desk.take(Outcome.ERROR)
    assert desk.sample("probe_success", **site) == 1, "an error says nothing about the target"
    desk.trip()
    assert desk.sample("probe_success", **site) == 0
    assert desk.sample("tripflag_guard_phase", guard=GUARD, phase="killed_unverified") == 1
    assert desk.sample("tripflag_kill_duration_seconds_count", guard=GUARD) is None
    desk.proof()
    assert desk.sample("tripflag_kill_duration_seconds_count", guard=GUARD) == 1
    assert desk.sample("tripflag_kill_duration_seconds_sum", guard=GUARD) == 5
    assert desk.sample("tripflag_flips_total", flag=FLAG, to="off", by="guard") == 1
    assert desk.sample("tripflag_guard_phase", guard=GUARD, phase="killed") == 1
    assert desk.sample("tripflag_guard_phase", guard=GUARD, phase="killed_unverified") == 0


def test_promtool_accepts_the_whole_exposition(desk: Desk) -> None:
    desk.passes(vitals=Vitals(cls=0.1, lcp_s=1.0), steps=(Step("open", Outcome.PASSED, 0.2),))
    desk.trip().proof().ask("reset")
    desk.metrics.probes.expect("widget", ["local"])
    desk.metrics.probes.missed("widget", "overlap")
    desk.metrics.pool_busy.labels("local").set(1)
    desk.metrics.pool_waiting.labels("local").set(0)
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=desk.metrics.exposition(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_a_value_that_no_page_was_told_is_absent_from_the_metrics(desk: Desk) -> None:
    labels = {"job": "widget", "location": "local", "flag": FLAG}
    desk.passes()
    assert desk.sample("tripflag_flag_value", **labels) == 1
    desk.take(Outcome.SKIPPED, exposure=Exposure(FLAG, None, reason="toggles answered 500"))
    assert desk.sample("tripflag_flag_value", **labels) is None
