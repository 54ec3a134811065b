"""Tell what the target did (`failed`) from what we could not do (`error`)."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

import requests

from config.schema import UplinkSpec
from probes.browser import PlaywrightError, PlaywrightTimeout, Session
from probes.journey import Skipped, first_line
from probes.model import Outcome

#: Chromium's own words for faults between us and the network, never of one target.
#: ERR_NAME_NOT_RESOLVED is among them: a name server that did not answer and a name that does not
#: exist look the same from here.
OUR_NETWORK = re.compile(
    r"net::ERR_(NAME_NOT_RESOLVED|INTERNET_DISCONNECTED|NETWORK_CHANGED|PROXY_\w+|"
    r"ADDRESS_UNREACHABLE|NETWORK_ACCESS_DENIED|INSUFFICIENT_RESOURCES|OUT_OF_MEMORY|"
    r"NETWORK_IO_SUSPENDED|DNS_\w+|TUNNEL_CONNECTION_FAILED|SOCKS_\w+|BLOCKED_BY_CLIENT|UNSAFE_PORT)"
)
NET_ERROR = re.compile(r"net::ERR_\w+")


def classify(
    session: Session, ending: BaseException | None, uplink: UplinkSpec
) -> tuple[Outcome, str]:
    """Tell the target's fault from ours.

    Tried by hand, each as its own fault: a killed renderer ends `goto` with net::ERR_ABORTED
    and a `crash` event, which comes after it; a killed Chromium or node driver ends any call
    with TargetClosedError, but an assertion under way as if it had not held; a page that never
    answers ends with a timeout before any response of the navigation; a page that answers and
    then hangs ends with one after it.
    """
    if ending is None:
        return Outcome.PASSED, ""
    if isinstance(ending, Skipped):
        return Outcome.SKIPPED, first_line(ending)
    if lost := session.lost():
        return Outcome.ERROR, f"{lost}: {first_line(ending)}"
    match ending:
        case AssertionError():
            return _broken_promise(session, first_line(ending), uplink)
        case PlaywrightTimeout() if session.answered:
            return _broken_promise(session, first_line(ending), uplink)
        case PlaywrightTimeout():
            return unless_uplink_is_away(uplink, f"no answer in time: {first_line(ending)}")
        case PlaywrightError():
            return _browser_error(ending, uplink)
        case _:
            return Outcome.ERROR, f"the journey's own code: {_where(ending)}"


def _browser_error(ending: PlaywrightError, uplink: UplinkSpec) -> tuple[Outcome, str]:
    if OUR_NETWORK.search(ending.message):
        return Outcome.ERROR, f"our network: {first_line(ending)}"
    if NET_ERROR.search(ending.message):
        return unless_uplink_is_away(uplink, first_line(ending))
    return Outcome.ERROR, f"the journey's own code: {_where(ending)}"


def _broken_promise(session: Session, reason: str, uplink: UplinkSpec) -> tuple[Outcome, str]:
    """Blame the target for a page that answered, unless we kept its own requests from it.

    The flagged thing's API can be another host than the page's: where our name server loses just
    that one, the page shows an error as if the API had broken, and the control, which asks for
    nothing there, passes.
    """
    unanswered = session.unanswered()
    for why in unanswered:
        if OUR_NETWORK.search(why):
            return Outcome.ERROR, f"our network: {why} under the page: {reason}"
    return unless_uplink_is_away(uplink, reason) if unanswered else (Outcome.FAILED, reason)


def unless_uplink_is_away(uplink: UplinkSpec, reason: str) -> tuple[Outcome, str]:
    """Blame the target for what `reason` says, but only while our own uplink answers."""
    if uplink_is_away(uplink):
        return Outcome.ERROR, f"our uplink is away ({', '.join(uplink.urls)}): {reason}"
    return Outcome.FAILED, reason


def uplink_is_away(uplink: UplinkSpec) -> bool:
    """Say whether none of the operator's well-known addresses answers; any status is an answer."""
    for url in uplink.urls:
        try:
            requests.head(url, timeout=uplink.timeout_s, allow_redirects=False)
        except requests.RequestException:
            continue
        return False
    return bool(uplink.urls)


def _where(cause: BaseException) -> str:
    # The first frame is the runner's, the second the journey's: whatever that called below itself,
    # Playwright or a library, its author wants the line in their own file.
    frames = traceback.extract_tb(cause.__traceback__)[1:]
    own = [frame for frame in frames if frame.filename == frames[0].filename]
    place = f" at {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
    return f"{first_line(cause)}{place}"
