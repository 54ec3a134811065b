"""What a target owes its users, and the words for what was seen in its place."""

from __future__ import annotations

from collections.abc import Callable

from probes.browser import Locator, expect
from probes.model import FailureClass, Outcome
from probes.text import bounded

#: Longest words for what was expected, and for what was seen: both fit into one message.
MAX_PART = 120


class PromiseBroken(AssertionError):
    """The target did not do what the journey says it promises; `hard`: with little doubt."""

    def __init__(self, message: str, hard: bool = False) -> None:
        super().__init__(message)
        self.hard = hard


class Skipped(Exception):
    """No exposure, or a legitimate business answer; `failure` says which."""

    def __init__(self, reason: str, failure: FailureClass = FailureClass.NO_EXPOSURE) -> None:
        super().__init__(reason)
        self.failure = failure


def step_outcome(cause: BaseException) -> Outcome:
    """Outcome of a step that an exception ended, as far as the exception alone tells."""
    if isinstance(cause, Skipped):
        return Outcome.SKIPPED
    return Outcome.FAILED if isinstance(cause, AssertionError) else Outcome.ERROR


def promise(
    holds: bool, what: str, *, expected: object = None, seen: object = None, hard: bool = False
) -> None:
    """State what the target owes its users.

    Args:
        holds: whether it does what it owes.
        what: the promise, in words.
        expected: what should have been seen.
        seen: what was; a function is called only where the promise is broken, since looking costs.
        hard: broken, it leaves little doubt, and fewer runs need to confirm it. Never for what is
            only slow.

    Raises:
        PromiseBroken: it does not hold; the message names what was expected and what was seen.
    """
    if holds:
        return
    if callable(seen):
        seen = seen()
    wanted = "" if expected is None else f" expected {bounded(repr(expected), MAX_PART)},"
    detail = f":{wanted} saw {bounded(repr(seen), MAX_PART)}"
    raise PromiseBroken(bounded(what if expected is seen is None else f"{what}{detail}"), hard)


def appears(
    locator: Locator,
    what: str,
    within_s: float,
    seen: Callable[[], object] | None = None,
    hard: Callable[[], bool] | None = None,
) -> None:
    """State that something becomes visible in time.

    Args:
        locator: what should be visible.
        what: the promise, in words.
        within_s: time that it has.
        seen: says what is there in its place.
        hard: says whether its absence leaves little doubt; asked once the time is over.

    Raises:
        PromiseBroken: it did not; the message says `what`, the time, and what `seen` returns then.
    """
    try:
        expect(locator).to_be_visible(timeout=within_s * 1000)
    except AssertionError:
        late = f"{what} within {within_s:g} s"
        promise(False, late, seen=seen() if seen else "nothing", hard=hard is not None and hard())


def first_line(cause: BaseException) -> str:
    """Return what an exception says in one bounded, plain line."""
    lines = [line.strip() for line in str(cause)[:10_000].splitlines() if line.strip()]
    kind = "" if isinstance(cause, AssertionError | Skipped) else f"{type(cause).__name__}: "
    # Playwright's assertions put what they saw on the lines after the first, and which element
    # they looked for only into the log below.
    until = next((n for n, line in enumerate(lines) if line.startswith("Call log")), len(lines))
    waited = [line[2:] for line in lines[until:] if line.startswith("- waiting for ")]
    said = [bounded(line, MAX_PART) for line in (*lines[: min(until, 3)], *waited[:1])]
    return bounded(kind + "; ".join(said))
