"""docs/phases.md is what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.schema import GuardSpec
from daemon.guard import Phase
from daemon.guard.phases import SHORT, Transition, page, transitions
from daemon.guard.words import WORDS, meaning

PAGE = Path(__file__).parents[2] / "docs" / "phases.md"


def found() -> frozenset[Transition]:
    return transitions(GuardSpec.model_validate(SHORT))


def test_the_page_is_what_the_code_makes() -> None:
    assert PAGE.read_text() == page(), "run `make docs`, and read what changed"


@pytest.mark.parametrize("act", ["disable_flag", "fallback"])
def test_every_phase_has_words(act: str) -> None:
    spec = GuardSpec.model_validate({**SHORT, "act": act, "recovery": "manual"})
    assert set(WORDS) == set(Phase)
    for label, words in WORDS.items():
        assert all(text and "|" not in text for text in (words.means, words.facts, words.yours))
        assert "{" not in meaning(spec, label)


def test_every_phase_of_an_enforcing_guard_is_reached_and_left() -> None:
    phases = set(Phase) - {Phase.OBSERVE}
    assert {each.after for each in found()} == phases
    assert {each.before for each in found()} == phases


def test_no_guard_decides_to_kill_but_by_a_run_a_control_or_an_operator() -> None:
    kills = {each.what for each in found() if each.after is Phase.KILLING}
    assert kills == {
        "an exposed run fails",
        "the control passes",
        "the control still shows the widget",
        "an operator trips it",
    }
    powerless = {each.before for each in found() if "still shows" in each.what}
    assert Transition("the control still shows the widget", Phase.SUSPECT, Phase.KILLING) not in (
        found()
    ), powerless


def test_only_a_persons_word_or_the_restore_leads_out_of_a_latch() -> None:
    out = {each.what for each in found() if each.before is Phase.LATCHED}
    assert out == {
        "an operator resets it",
        "an operator trips it",
        "the gates from before the kill are in the store again",
    }


def test_an_observing_guard_turns_nothing_off_by_itself() -> None:
    observing = transitions(GuardSpec.model_validate({**SHORT, "mode": "observe"}))
    acts = {each.what for each in observing if each.after is Phase.KILLING}
    assert acts == {"an operator trips it"}
