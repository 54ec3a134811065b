"""PURE: what controls and proofs say, and what a run's page was told."""

from __future__ import annotations

from config.schema import GuardSpec
from daemon.verdict import ControlFinding, ControlRan, ProofRan
from probes.model import Outcome, Run


def judge_control(run: Run) -> ControlRan:
    """Conclude from a control run. A control that could not measure concludes nothing."""
    if run.outcome in (Outcome.PASSED, Outcome.DEGRADED):
        finding = ControlFinding.PASSES
    elif run.outcome is Outcome.FAILED:
        rendered = run.exposure is not None and run.exposure.rendered is True
        finding = ControlFinding.POWERLESS if rendered else ControlFinding.FAILS
    else:
        finding = ControlFinding.UNKNOWN
    return ControlRan(finding, run.id, run.started_at, plain(run.reason))


def judge_proof(guard: GuardSpec, run: Run) -> ProofRan:
    """Conclude from a proof run: proven only if the page was told the new value and is whole."""
    told = told_value(guard, run) is guard.acts_to
    whole = run.outcome in (Outcome.PASSED, Outcome.DEGRADED)
    gone = run.exposure is None or run.exposure.rendered is not True
    reason = plain(run.reason)
    if whole and not told:
        reason = "the toggle service still answers the old value"
    elif whole and not gone:
        reason = "the page still shows the flagged thing"
    return ProofRan(told and whole and gone, run.id, run.started_at, reason)


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
