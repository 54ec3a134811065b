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
    r"ADDRESS_UNREACHABLE|NETWORK_ACCESS_DENIED|INSUFFICIENT_RESOURCES|OUT_OF_MEMORY)"
)
#: What Playwright says when the browser, its renderer or its driver died under the run.
BROWSER_DIED = re.compile(
    r"Target (page, context or browser has been closed|crashed)|Connection closed"
)
NET_ERROR = re.compile(r"net::ERR_\w+")


def classify(
    session: Session, ending: BaseException | None, uplink: UplinkSpec
) -> tuple[Outcome, str]:
    """Tell the target's fault from ours.

    Tried by hand, each as its own fault: a killed renderer ends `goto` with net::ERR_ABORTED
    and a `crash` event; a killed Chromium or node driver ends any call with TargetClosedError;
    a page that never answers ends with a timeout before any response of the navigation; a page
    that answers and then hangs ends with one after it.
    """
    match ending:
        case None:
            return Outcome.PASSED, ""
        case Skipped():
            return Outcome.SKIPPED, first_line(ending)
        case _ if session.crashed:
            return Outcome.ERROR, f"the page's renderer crashed: {first_line(ending)}"
        case AssertionError():
            return Outcome.FAILED, first_line(ending)
        case PlaywrightTimeout() if session.answered:
            return Outcome.FAILED, first_line(ending)
        case PlaywrightTimeout():
            return unless_uplink_is_away(uplink, f"no answer in time: {first_line(ending)}")
        case PlaywrightError() if BROWSER_DIED.search(ending.message):
            return Outcome.ERROR, f"the browser died: {first_line(ending)}"
        case PlaywrightError() if OUR_NETWORK.search(ending.message):
            return Outcome.ERROR, f"our network: {first_line(ending)}"
        case PlaywrightError() if NET_ERROR.search(ending.message):
            return unless_uplink_is_away(uplink, first_line(ending))
        case _:
            return Outcome.ERROR, f"the journey's own code: {_where(ending)}"


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
    frames = traceback.extract_tb(cause.__traceback__)
    ours = [frame for frame in frames if "journeys" in frame.filename] or frames[-1:]
    place = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    return f"{first_line(cause)}{place}"
