"""PURE: what controls and proofs say, and what a run's page was told."""

from __future__ import annotations

import re
from collections.abc import Iterable

from config.schema import ConsoleErrors, GuardSpec
from daemon.verdict import ControlFinding, ControlRan, ProofRan
from probes.model import Outcome, Run

#: What the real page logs whether or not anything is wrong.
HARMLESS: tuple[str, ...] = ConsoleErrors.model_fields["allow"].default


def judge_control(run: Run) -> ControlRan:
    """Conclude from a control run. A control that could not measure concludes nothing."""
    if run.outcome in (Outcome.PASSED, Outcome.DEGRADED):
        finding = ControlFinding.PASSES
    elif run.outcome is Outcome.FAILED:
        rendered = run.exposure is not None and run.exposure.rendered is True
        finding = ControlFinding.POWERLESS if rendered else ControlFinding.FAILS
    else:
        finding = ControlFinding.UNKNOWN
    return ControlRan(finding, run.id, run.started_at, plain(run.reason), run.location)


def judge_proof(guard: GuardSpec, run: Run, before: Iterable[Run] = ()) -> ProofRan:
    """Conclude from a proof run: proven only if the page was told the new value and is whole.

    Args:
        before: the guard's runs and controls before the act; an error that none of their pages
            logged is new, and the act may have brought it. Without any, nothing is called new.
    """
    told = told_value(guard, run) is guard.acts_to
    whole = run.outcome in (Outcome.PASSED, Outcome.DEGRADED)
    gone = run.exposure is None or run.exposure.rendered is not True
    reason = plain(run.reason)
    if whole and not told:
        reason = "the toggle service still answers the old value"
    elif whole and not gone:
        reason = "the page still shows the flagged thing"
    proven = told and whole and gone
    if proven and (new := _new_errors(guard, run, before)):
        proven = False
        reason = plain(f"the page logs an error that it did not log before: {new[0]}")
    return ProofRan(proven, run.id, run.started_at, reason)


def _new_errors(guard: GuardSpec, run: Run, before: Iterable[Run]) -> list[str]:
    seen = [each for each in before if each.browser]
    if not seen:
        return []
    known = {_told_apart(error) for each in seen for error in each.console_errors}
    allowed = tuple(
        pattern for rule in guard.rules if isinstance(rule, ConsoleErrors) for pattern in rule.allow
    )
    return [
        error
        for error in run.console_errors
        if _told_apart(error) not in known
        and not any(re.search(pattern, error) for pattern in allowed or HARMLESS)
    ]


def _told_apart(error: str) -> str:
    """Return an error without what differs from one visit to the next: ids, times, positions."""
    return re.sub(r"\w*\d\w*", "#", error)


def told_value(guard: GuardSpec, run: Run) -> bool | None:
    """Return the value of the guard's flag that the run's page was told; None: none of its."""
    # A probe that two guards share records the exposure of one flag only.
    exposure = run.exposure
    return exposure.value if exposure is not None and exposure.flag == guard.flag else None


def plain(text: str) -> str:
    """Return the text without what no UTF-8 can hold."""
    # A page can put half a surrogate pair into an error message. The journal would refuse the
    # whole turn for it, and the guard would never hear of the run.
    return text.encode("utf-8", "replace").decode("utf-8")
