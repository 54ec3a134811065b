"""Is it us: does anything beyond the target still answer."""

from __future__ import annotations

import requests

from config.schema import UplinkSpec
from probes.model import FailureClass, Finding, Outcome


def unless_uplink_is_away(uplink: UplinkSpec, reason: str, failure: FailureClass) -> Finding:
    """Blame the target for what `reason` says, but only while our own uplink answers."""
    if uplink_is_away(uplink):
        away = f"our uplink is away ({', '.join(uplink.urls)}): {reason}"
        return Finding(Outcome.ERROR, away, FailureClass.UPLINK)
    return Finding(Outcome.FAILED, reason, failure)


def uplink_is_away(uplink: UplinkSpec) -> bool:
    """Say whether none of the operator's well-known addresses answers; any status is an answer."""
    for url in uplink.urls:
        try:
            requests.head(url, timeout=uplink.timeout_s, allow_redirects=False)
        except requests.RequestException:
            continue
        return False
    return bool(uplink.urls)
