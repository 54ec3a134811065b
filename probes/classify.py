"""Tell what the target did (`failed`) from what we could not do (`error`)."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

from config.schema import UplinkSpec
from probes.browser import PlaywrightError, PlaywrightTimeout, Session
from probes.model import FailureClass, Finding, Outcome
from probes.net_errors import net_error
from probes.promises import PromiseBroken, Skipped, first_line
from probes.uplink import unless_uplink_is_away

_LOST = {
    FailureClass.RENDERER: "the page's renderer crashed",
    FailureClass.BROWSER: "the browser died",
}
_NAVIGATION = re.compile(
    r"(Page|Frame)\.(goto|reload|go_back|go_forward|wait_for_(url|load_state))"
)


def classify(session: Session, ending: BaseException | None, uplink: UplinkSpec) -> Finding:
    """Tell the target's fault from ours.

    Tried by hand, each as its own fault: a killed renderer ends `goto` with net::ERR_ABORTED
    and a `crash` event, which comes after it; a killed Chromium or node driver ends any call
    with TargetClosedError, but an assertion under way as if it had not held; a page that never
    answers ends with a timeout before any response of the navigation; a page that answers and
    then hangs ends with one after it, its document still incomplete.

    Memory: a page that fills its heap crashes its renderer by SIGTRAP, as each of Chromium's own
    checks does, and the kernel's killer sends SIGKILL, as anybody can. Neither the `crash` event
    nor Target.targetCrashed tells them apart, so both are `renderer`; `out_of_memory` is said only
    where Chromium itself says so.
    """
    if ending is None:
        return Finding(Outcome.PASSED)
    reason = first_line(ending)
    if isinstance(ending, Skipped):
        return Finding(Outcome.SKIPPED, reason, ending.failure)
    if lost := session.lost():
        return Finding(Outcome.ERROR, f"{_LOST[lost]}: {reason}", lost)
    match ending:
        case AssertionError():
            return _broken_promise(session, ending, uplink)
        case PlaywrightTimeout() if session.traffic.answered:
            return _broken_promise(session, ending, uplink)
        case PlaywrightTimeout():
            late = f"no answer in time: {reason}"
            return unless_uplink_is_away(uplink, late, FailureClass.NO_FIRST_BYTE)
        case PlaywrightError() if error := net_error(ending.message):
            if error.ours:
                return Finding(Outcome.ERROR, f"our network: {reason}", error.failure)
            return unless_uplink_is_away(uplink, reason, error.failure)
        case _:
            own = f"the journey's own code: {_where(ending)}"
            return Finding(Outcome.ERROR, own, FailureClass.JOURNEY)


def is_hard(finding: Finding, ending: BaseException | None) -> bool:
    """Say whether a run failed in a way that its journey calls beyond doubt."""
    failed = finding.outcome is Outcome.FAILED and finding.failure is FailureClass.PROMISE
    return failed and isinstance(ending, PromiseBroken) and ending.hard


def _broken_promise(session: Session, ending: BaseException, uplink: UplinkSpec) -> Finding:
    """Blame the target for a page that answered, unless we kept its own requests from it.

    The flagged thing's API can be another host than the page's: where our name server loses just
    that one, the page shows an error as if the API had broken, and the control, which asks for
    nothing there, passes.
    """
    reason = first_line(ending)
    unanswered = session.traffic.unanswered()
    for why in unanswered:
        if (error := net_error(why)) and error.ours:
            below = f"our network: {error.name} under the page: {reason}"
            return Finding(Outcome.ERROR, below, error.failure)
    failure = _kind(session, ending)
    if broke_off := net_error(session.traffic.broke_off):
        reason = f"the page broke off with {broke_off.name}: {reason}"
    if unanswered:
        return unless_uplink_is_away(uplink, reason, failure)
    return Finding(Outcome.FAILED, reason, failure)


def _kind(session: Session, ending: BaseException) -> FailureClass:
    if broke_off := net_error(session.traffic.broke_off):
        return broke_off.failure
    late = isinstance(ending, PlaywrightTimeout) and _NAVIGATION.match(ending.message)
    return FailureClass.STALLED if late or session.traffic.stalled else FailureClass.PROMISE


def _where(cause: BaseException) -> str:
    # The first frame is the runner's, the second the journey's: whatever that called below itself,
    # Playwright or a library, its author wants the line in their own file.
    frames = traceback.extract_tb(cause.__traceback__)[1:]
    own = [frame for frame in frames if frame.filename == frames[0].filename]
    place = f" at {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
    return f"{first_line(cause)}{place}"
