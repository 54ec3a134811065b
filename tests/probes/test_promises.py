"""A step's failure names the assertion, what was expected and what was seen."""

from __future__ import annotations

import pytest

from probes.model import Outcome
from probes.promises import PromiseBroken, promise
from probes.runner import Runner
from tests.probes.conftest import Answer, Site, job

#: A page whose own words are hostile.
PAGE = (
    "<!doctype html><p></p><script>document.querySelector('p').textContent = "
    "'\\u001b[31mred\\u001b[0m\\u009b2J\\u202e' + 'x'.repeat(5000)</script>"
)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("visible", ("expected to be visible", "not found", 'get_by_role("heading", name="Gone")')),
        ("text", ("expected to have text 'calm words'", "Actual value: red", "xxx")),
        ("count", ("expected to have count '3'", "Actual value: 1", 'locator("p")')),
        ("click", ("Locator.click: Timeout 100ms exceeded", 'get_by_role("heading", name="Gone")')),
        ("appears", ("the heading comes within 0.1 s: saw ['\\x1b[31mred", "xxx")),
    ],
)
def test_a_steps_failure_names_assertion_expected_and_seen_in_one_plain_line(
    runner: Runner, site: Site, how: str, says: tuple[str, ...]
) -> None:
    site.answers["/"] = Answer(PAGE)

    run = runner.execute(job("looks_in_vain", site.target, {"how": how}))

    assert run.outcome is Outcome.FAILED
    message = run.steps[-1].message
    assert [each for each in says if each not in message] == [], message
    assert message == run.reason
    assert len(message) <= 300
    assert message.isprintable()
    assert "\u202e" not in message


@pytest.mark.browser
@pytest.mark.parametrize("hard", [True, False])
def test_what_does_not_appear_is_as_hard_as_its_journey_says(
    runner: Runner, site: Site, hard: bool
) -> None:
    site.answers["/"] = Answer(PAGE)

    run = runner.execute(job("looks_in_vain", site.target, {"how": "appears", "hard": hard}))

    assert (run.outcome, run.hard) == (Outcome.FAILED, hard)


def test_a_promise_says_what_was_expected_and_seen_however_long_both_are() -> None:
    with pytest.raises(PromiseBroken) as told:
        promise(False, "the sum is right", expected="e" * 9_000, seen="s" * 9_000)

    message = str(told.value)
    assert message.startswith("the sum is right: expected 'eee")
    assert "saw 'sss" in message
    assert len(message) <= 300


def test_a_promise_that_holds_looks_at_nothing() -> None:
    promise(True, "it is there", seen=lambda: pytest.fail("looked"))


@pytest.mark.parametrize("hard", [True, False])
def test_a_promise_says_whether_its_breach_is_beyond_doubt(hard: bool) -> None:
    with pytest.raises(PromiseBroken) as told:
        promise(False, "it is there", hard=hard)

    assert told.value.hard is hard
    assert str(told.value) == "it is there"
