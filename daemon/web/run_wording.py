"""How the facts of a run read: what stood in its way, what its page was told, what is good."""

from __future__ import annotations

from daemon.web.charts.limits import THRESHOLDS
from daemon.web.wording import on_off, seconds
from probes.model import FailureClass, Purpose

FAILURES = {
    FailureClass.PROMISE: "the page broke a promise of the journey",
    FailureClass.DNS: "its name could not be resolved",
    FailureClass.TLS: "no trusted TLS connection",
    FailureClass.REFUSED: "the connection was refused",
    FailureClass.RESET: "the connection broke",
    FailureClass.NO_FIRST_BYTE: "connected, but no answer came",
    FailureClass.STALLED: "the answer began, then stopped",
    FailureClass.NETWORK: "the network failed",
    FailureClass.UPLINK: "our own uplink was away",
    FailureClass.RENDERER: "the browser's renderer died",
    FailureClass.BROWSER: "the browser did not work",
    FailureClass.OUT_OF_MEMORY: "out of memory",
    FailureClass.WORKER: "the worker died or hung",
    FailureClass.JOURNEY: "a defect in the journey itself",
    FailureClass.NO_EXPOSURE: "the flagged thing was not shown",
    FailureClass.BUSINESS: "a legitimate answer that ends the journey",
}
PURPOSES = {
    Purpose.SCHEDULED: "on schedule",
    Purpose.CONFIRM: "to confirm a suspicion",
    Purpose.CONTROL: "as the control, the act's effect forced",
    Purpose.PROOF: "to prove what users meet after the act",
    Purpose.MANUAL: "because somebody asked",
    Purpose.DRILL: "as part of a drill, its fault planted",
}
VITALS = {
    "ttfb_s": "Time to first byte",
    "fcp_s": "First contentful paint",
    "lcp_s": "Largest contentful paint",
    "inp_s": "Interaction to next paint",
    "cls": "Cumulative layout shift",
    "fid_s": "First input delay",
    "tbt_s": "Total blocking time",
    "tti_s": "Time to interactive",
}


def exposed(value: bool | None, rendered: bool | None) -> str:
    """Say what a page was told and what it showed."""
    told = "no toggle answer was seen" if value is None else f"told {on_off(value)}"
    shown = {True: "shown", False: "not shown", None: "not looked for"}[rendered]
    return f"{told}, flagged thing {shown}"


def vital(name: str, value: float) -> str:
    """Write a vital with its unit; layout shift has none."""
    return f"{value:.3g}" if name == "cls" else seconds(value)


def rated(name: str, value: float) -> tuple[str, str]:
    """Return the word and tone of a vital by web.dev's thresholds, empty where it names none."""
    if name not in THRESHOLDS:
        return "", "note"
    good, poor = THRESHOLDS[name]
    if value <= good:
        return "good", "calm"
    return ("poor", "alarm") if value > poor else ("needs work", "watch")
