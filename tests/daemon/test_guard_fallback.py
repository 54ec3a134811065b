"""What users get in the place of what is broken: when it is fired, and when it is let go."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.guard import GuardRefuses, Phase
from daemon.guard.messages import CloseIncident, Flip, OpenIncident, Page, SwitchCircuit
from tests.daemon.build import FLAG, guard
from tests.daemon.story import Story

BOTH = {"flag": "plain_page", "circuit": "search"}
WITH: dict[str, Any] = {"fallback": BOTH}


def fired(story: Story) -> list[Flip]:
    return [flip for flip in story.flips if flip.fallback]


def acts(story: Story) -> list[Flip]:
    return [flip for flip in story.flips if not flip.fallback]


@pytest.mark.parametrize(
    ("fallback", "kinds"),
    [
        (BOTH, [SwitchCircuit, Flip, Flip]),
        ({"flag": "plain_page"}, [Flip, Flip]),
        ({"circuit": "search"}, [SwitchCircuit, Flip]),
        (None, [Flip]),
    ],
)
def test_the_fallback_comes_before_the_act(
    fallback: dict[str, str] | None, kinds: list[type]
) -> None:
    story = Story(fallback=fallback).killing()
    orders = [d for d in story.last if isinstance(d, Flip | SwitchCircuit)]
    assert [type(order) for order in orders] == kinds
    act = orders[-1]
    assert isinstance(act, Flip)
    assert (act.flag, act.to, act.fallback) == (FLAG, False, False)
    assert [(flip.flag, flip.to) for flip in fired(story)] == [
        ("plain_page", True) for _ in kinds[:-1] if Flip in kinds[:-1]
    ][:1]


def test_an_operators_trip_fires_the_fallback_too() -> None:
    story = Story(**WITH).operator("trip", "burning")
    assert [(flip.by, flip.reason) for flip in fired(story)] == [("ann", "burning")]
    assert story.asked(SwitchCircuit) == [SwitchCircuit("search", True, "burning")]


def test_a_fallback_that_cannot_be_written_delays_no_kill_and_wakes_people_once() -> None:
    story = Story(**WITH).killing().fallback_fails().fallback_fails(attempts=2)
    assert story.pages == ["the fallback's flag could not be written (try 1): no store"]
    assert story.written().proof(True).phase is Phase.KILLED
    assert story.state.fallback is not None
    assert story.state.fallback.failure
    story.fallback_written()
    assert (story.state.fallback.failure, story.state.fallback.written_at) == ("", story.now)
    assert "the fallback plain_page is on in the store" in story.notes
    assert story.phase is Phase.KILLED


def test_a_written_fallback_is_not_taken_for_the_act() -> None:
    story = Story(**WITH).killing().fallback_written()
    assert story.phase is Phase.KILLING
    assert story.state.flag_value is None


def test_a_powerless_guard_fires_its_fallback_once_wakes_people_and_leaves_the_flag() -> None:
    story = Story(**WITH).suspect().control("powerless").fails(2)
    assert story.phase is Phase.POWERLESS
    assert [type(decision) for decision in story.last][:4] == [
        OpenIncident,
        SwitchCircuit,
        Flip,
        Page,
    ]
    story.fails(5).control("powerless").fails(5)
    assert len(fired(story)) == len(story.pages) == 1
    assert acts(story) == []
    assert "POWERLESS: the flag does not gate this page" in story.pages[0]


@pytest.mark.parametrize(("failures", "known"), [(1, False), (2, True)])
def test_a_flag_is_called_powerless_only_when_the_failure_is_repeated(
    failures: int, known: bool
) -> None:
    story = Story(**WITH).suspect().control("powerless").fails(failures)
    assert bool(fired(story)) is known


def test_a_flag_found_powerless_after_the_site_was_down_fires_the_fallback_too() -> None:
    story = Story(**WITH).suspect().control("fails").fails(2)
    assert not fired(story)
    story.control("powerless")
    assert len(fired(story)) == 1
    assert story.asked(Page)


def test_a_site_that_is_down_fires_no_fallback() -> None:
    story = Story(**WITH).suspect().control("fails").fails(9)
    assert story.phase is Phase.SITE_DOWN
    assert not story.flips


@pytest.mark.parametrize("why", ["held", "human_on", "observe", "latched"])
def test_hands_off_means_the_fallback_of_a_powerless_guard_too(why: str) -> None:
    story = Story(**WITH, mode="observe" if why == "observe" else "enforce", kills_per_day=1)
    if why == "held":
        story.operator("hold")
    elif why == "human_on":
        story.flag_is(False).flag_is(True)
    elif why == "latched":
        story.killed().operator("reset").written(restore=True).killing()
        assert story.phase is Phase.LATCHED
        story.passes(2)
    before, pages = len(story.flips), len(story.pages)
    story.suspect().control("powerless").fails(3)
    assert len(story.flips) == before
    assert len(story.pages) == pages + 1, "but people hear of it"


def test_a_kill_that_fails_fires_a_fallback_that_came_with_a_new_configuration() -> None:
    story = Story().killing()
    story.spec = guard(fallback=BOTH)
    story.write_fails()
    assert story.phase is Phase.KILL_FAILED
    assert [type(decision) for decision in story.last] == [SwitchCircuit, Flip, Page]
    assert len(fired(story)) == 1


def test_a_kill_that_does_not_reach_users_fires_the_fallback_no_second_time() -> None:
    story = Story(**WITH, propagation={"budget_s": 1}).killing().written().proof(False).proof(False)
    assert story.phase is Phase.KILL_FAILED
    assert len(fired(story)) == 1
    assert story.state.fallback is not None


def test_a_reset_lets_the_fallback_go_once_the_flag_is_as_it_was() -> None:
    story = Story(**WITH).killed().operator("reset")
    assert len(fired(story)) == 1, "not before users have the widget again"
    story.written(restore=True)
    (release,) = fired(story)[1:]
    assert (release.to, release.restore, release.flag) == (False, True, "plain_page")
    assert [switch.open for switch in story.ever_asked(SwitchCircuit)] == [True, False]
    assert story.state.fallback is None
    assert isinstance(story.last[0], CloseIncident)


@pytest.mark.parametrize("how", ["released", "expired", "enforce"])
def test_what_hands_off_kept_back_is_fired_once_as_soon_as_they_are_on_again(how: str) -> None:
    mode = "observe" if how == "enforce" else "enforce"
    story = Story(**WITH, mode=mode, control_max_age_s=999).operator("hold", until_s=60)
    story.suspect().control("powerless").fails(3)
    assert not fired(story)
    if how == "released":
        story.operator("release")
    else:
        story.wait(61)
    if how == "enforce":
        assert not fired(story.fails())
        story.spec = story.spec.model_copy(update={"mode": "enforce"})
    assert not fired(story), "a run must say that it is still broken"
    assert len(fired(story.fails())) == 1
    assert len(fired(story.fails(5))) == 1
    assert len(story.pages) == 1


def test_a_fallback_that_was_kept_back_is_not_fired_for_a_site_that_is_down() -> None:
    story = Story(**WITH, control_max_age_s=999).operator("hold")
    story.suspect().control("powerless").fails(3).control("fails").operator("release").fails(3)
    assert not fired(story)
    assert len(fired(story.control("powerless"))) == 1


def test_a_reset_lets_go_of_the_fallback_of_a_powerless_guard() -> None:
    story = Story(**WITH).suspect().control("powerless").fails(2).operator("reset", "mended")
    assert [flip.restore for flip in fired(story)] == [False, True]
    assert acts(story) == []
    assert "reset asked by ann: mended" in story.notes
    with pytest.raises(GuardRefuses, match="nothing to reset"):
        story.operator("reset")
    story.fails(3)
    assert len(fired(story)) == 2, "a person let it go: not fired again for the same incident"


def test_a_fallback_let_go_and_refused_by_the_store_is_said_and_wakes_nobody() -> None:
    story = Story(**WITH).killed().operator("reset").written(restore=True)
    story.fallback_fails(restore=True)
    assert story.phase is Phase.ARMED
    assert not story.pages
    assert "the fallback's flag could not be written" in story.notes
    assert (
        "the fallback plain_page is as it was before" in story.fallback_written(restore=True).notes
    )


def test_a_late_failure_to_fire_a_fallback_that_was_let_go_changes_nothing() -> None:
    story = Story(**WITH).killed().operator("reset").written(restore=True).fallback_fails()
    assert story.state.fallback is None
    assert not story.pages


def test_a_kill_after_a_powerless_incident_fires_the_fallback_no_second_time() -> None:
    story = Story(**WITH).suspect().control("powerless").fails(2).control("passes").fails(3)
    assert story.phase is Phase.KILLING
    assert (len(fired(story)), len(acts(story))) == (1, 1)
