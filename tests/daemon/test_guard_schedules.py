"""Random schedules of faults against the rules and the guard, in virtual time.

What must be killed is killed within a bound; what must not be, never is.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.guard import GuardState, Phase, advance
from tests.daemon.schedules import Fault, Kind, World

few = settings(max_examples=10, deadline=None)
seeds = st.integers(0, 10**6)
locations = st.sampled_from(["a", "ab", "abc"])
workers = st.integers(1, 2)
#: From the fault to the decision at an interval of 5 s: one interval, then three failures and two
#: or three confirmations of 1.2 s (hard) or 2.5 s (soft), and the controls beside them.
BOUND_S = {Kind.WIDGET_HARD: 20.0, Kind.WIDGET_SOFT: 30.0}
INNOCENT = [Kind.PROBE, Kind.TOGGLES, Kind.BUSINESS]
#: A site that is back for a shorter time can fool any number of looks, if each falls into such a
#: moment: one of a control's between two of the widget's.
SITE_BACK_S = 6.0
#: Where runs cannot judge meanwhile, nobody sees that the widget is back too. A control then counts
#: if it began at most 30 s after the last failure, and for 30 s.
UNSEEN_BACK_S = 61.0


@st.composite
def spans(draw: st.DrawFn, end_s: float, gap_s: float = 0.0) -> list[tuple[float, float]]:
    """Draw stretches of time, at least so far apart."""
    spans: list[tuple[float, float]] = []
    now_s = draw(st.floats(1, 30))
    while now_s < end_s:
        long_s = draw(st.floats(0.5, 40))
        spans.append((now_s, now_s + long_s))
        now_s += long_s + gap_s + draw(st.floats(0.5, 30))
    return spans


@st.composite
def innocent(draw: st.DrawFn, end_s: float = 150) -> list[Fault]:
    """Draw faults for which no widget is to blame, one over the other."""
    kinds = draw(st.lists(st.sampled_from(INNOCENT), unique=True))
    back_s = UNSEEN_BACK_S if kinds else SITE_BACK_S
    faults = [Fault(Kind.SITE, *span) for span in draw(spans(end_s, back_s))]
    for kind in kinds:
        faults += [Fault(kind, *span) for span in draw(spans(end_s))]
    return faults


@pytest.mark.parametrize("kind", list(BOUND_S))
@few
@given(seed=seeds, start_s=st.floats(5, 40), where=locations, workers=workers)
def test_a_lasting_fault_of_the_widget_is_killed_in_time_and_proven(
    kind: Kind, seed: int, start_s: float, where: str, workers: int
) -> None:
    world = World([Fault(kind, start_s)], seed=seed, locations=where, workers=workers)
    world.live(start_s + BOUND_S[kind])
    assert world.guards_kills
    assert world.guards_kills[0] > start_s
    world.live(15)
    assert Phase.KILLED in world.phases
    assert len(world.kills) == 1


@few
@given(seed=seeds, start_s=st.floats(5, 40), quorum=st.integers(1, 3))
def test_a_fault_that_every_location_meets_fills_any_quorum_in_time(
    seed: int, start_s: float, quorum: int
) -> None:
    world = World([Fault(Kind.WIDGET_HARD, start_s)], seed=seed, locations="abc", quorum=quorum)
    assert world.live(start_s + 20).guards_kills


@few
@given(seed=seeds, faults=innocent(60), kind=st.sampled_from(list(BOUND_S)), where=locations)
def test_a_widget_that_breaks_after_other_faults_is_killed_all_the_same(
    seed: int, faults: list[Fault], kind: Kind, where: str
) -> None:
    begin = max(fault.end_s for fault in faults)
    world = World([*faults, Fault(kind, begin)], seed=seed, locations=where)
    world.live(begin + BOUND_S[kind] + 35)  # what was asked for before may have to be given up
    assert [at for at in world.guards_kills if at >= begin]


@few
@given(seed=seeds, faults=innocent(), where=locations, workers=workers)
def test_no_fault_of_the_site_the_probe_or_the_toggles_ever_kills(
    seed: int, faults: list[Fault], where: str, workers: int
) -> None:
    world = World(faults, seed=seed, locations=where, workers=workers).live(170)
    assert world.kills == []


@few
@given(
    seed=seeds,
    down_s=st.floats(5, 60),
    where=st.sampled_from(["ab", "abc"]),
    hard=st.integers(1, 2),
    workers=workers,
)
def test_a_site_that_is_down_for_one_location_is_never_taken_for_the_widget(
    seed: int, down_s: float, where: str, hard: int, workers: int
) -> None:
    faults = [Fault(Kind.SITE, 10, 10 + down_s, where="b")]
    world = World(
        faults, seed=seed, locations=where, workers=workers, hard_confirmations=hard
    ).live(80)
    assert world.kills == []


@few
@given(seed=seeds, where=st.sampled_from(["ab", "abc"]), start_s=st.floats(10, 40))
def test_a_widget_that_breaks_while_the_site_is_down_for_one_location_is_killed(
    seed: int, where: str, start_s: float
) -> None:
    faults = [Fault(Kind.SITE, 5, where="b"), Fault(Kind.WIDGET_HARD, start_s)]
    world = World(faults, seed=seed, locations=where).live(start_s + 60)
    assert world.guards_kills
    assert world.guards_kills[0] > start_s


@few
@given(seed=seeds, faults=innocent(100), where=locations)
def test_a_powerless_flag_is_never_killed(seed: int, faults: list[Fault], where: str) -> None:
    broken = [Fault(Kind.POWERLESS, 0), Fault(Kind.WIDGET_HARD, 20)]
    world = World([*broken, *faults], seed=seed, locations=where).live(150)
    assert world.kills == []


@pytest.mark.parametrize("kind", list(BOUND_S))
@few
@given(seed=seeds, up_s=st.floats(5, 40), down_s=st.floats(25, 60), where=locations)
def test_a_fault_that_comes_and_goes_slowly_is_killed(
    kind: Kind, seed: int, up_s: float, down_s: float, where: str
) -> None:
    faults = [Fault(kind, at, at + down_s) for at in _beats(10, up_s + down_s)]
    world = World(faults, seed=seed, locations=where).live(15 + 2 * (up_s + down_s))
    assert world.guards_kills


@few
@given(seed=seeds, up_s=st.floats(1, 3), down_s=st.floats(5, 8), where=locations)
def test_a_fault_that_comes_and_goes_fast_is_killed_by_its_share_of_failures(
    seed: int, up_s: float, down_s: float, where: str
) -> None:
    faults = [Fault(Kind.WIDGET_HARD, at, at + down_s) for at in _beats(10, up_s + down_s)]
    assert World(faults, seed=seed, locations=where).live(180).guards_kills


@few
@given(seed=seeds, where=locations)
def test_an_api_that_fails_now_and_then_is_not_killed(seed: int, where: str) -> None:
    world = World([Fault(Kind.API, 0, chance=0.03)], seed=seed, locations=where).live(400)
    assert world.kills == []


@few
@given(seed=seeds, hold_s=st.floats(10, 90), where=locations)
def test_a_hold_is_kept_and_a_widget_still_broken_when_it_ends_is_killed_then(
    seed: int, hold_s: float, where: str
) -> None:
    faults = [Fault(Kind.HOLD, 1, 1 + hold_s), Fault(Kind.WIDGET_HARD, 5)]
    world = World(faults, seed=seed, locations=where).live(1 + hold_s)
    assert world.kills == []
    assert world.live(45).guards_kills


@few
@given(seed=seeds, off=spans(100, 3), where=locations)
def test_a_flag_that_a_person_turned_off_and_on_is_left_to_people(
    seed: int, off: list[tuple[float, float]], where: str
) -> None:
    faults = [Fault(Kind.FLAG_OFF, *span) for span in off]
    broken = Fault(Kind.WIDGET_HARD, off[0][0] + 1)
    world = World([*faults, broken], seed=seed, locations=where).live(140)
    assert world.kills == []


@few
@given(seed=seeds, away_s=st.floats(1, 60), where=locations)
def test_a_kill_outlives_a_store_that_is_away(seed: int, away_s: float, where: str) -> None:
    faults = [Fault(Kind.WIDGET_HARD, 10), Fault(Kind.STORE, 5, 5 + away_s)]
    world = World(faults, seed=seed, locations=where).live(100)
    assert len(world.kills) == 1
    assert not world.flag
    assert Phase.KILLED in world.phases


@few
@given(seed=seeds, mended_s=st.floats(60, 120), where=locations)
def test_a_ramp_brings_exposure_back_only_once_the_widget_is_mended(
    seed: int, mended_s: float, where: str
) -> None:
    ramp = {"actor": "me", "percentages": [50], "bake_s": 10, "passes": 2, "hold_off_s": 20}
    faults = [Fault(Kind.WIDGET_HARD, 10, mended_s)]
    world = World(faults, seed=seed, locations=where, recovery="ramp", ramp=ramp, kills_per_day=9)
    world.live(mended_s - 0.1)
    assert len(world.kills) >= 1
    assert Phase.ARMED not in _phases_after(world, world.kills[0].at_s)
    before = len(world.kills)
    world.live(400)
    assert world.flag
    assert world.state.kill is None
    assert len(world.kills) <= before + 1


@few
@given(
    seed=seeds,
    faults=innocent(),
    flaps=spans(150),
    kind=st.sampled_from([Kind.WIDGET_HARD, Kind.WIDGET_SOFT, Kind.POWERLESS, Kind.STORE]),
    where=locations,
    mode=st.sampled_from(["enforce", "observe"]),
)
def test_runs_never_pile_up_and_what_was_told_rebuilds_the_state(
    seed: int,
    faults: list[Fault],
    flaps: list[tuple[float, float]],
    kind: Kind,
    where: str,
    mode: str,
) -> None:
    both = [*faults, *(Fault(kind, *span) for span in flaps)]
    world = World(both, seed=seed, locations=where, mode=mode).live(170)
    assert world.most_waiting <= 6
    assert world.orders <= 170, "less than one in a second"
    state = GuardState.new()
    for now, evidence in world.told:
        state, _ = advance(world.spec, state, evidence, now)
    assert state == world.state


def _beats(start_s: float, period_s: float) -> list[float]:
    return [start_s + n * period_s for n in range(40)]


def _phases_after(world: World, at_s: float) -> set[Phase]:
    return {label for when, label in world.history if when > at_s}
