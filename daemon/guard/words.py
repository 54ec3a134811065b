"""PURE: what each phase means to people. One place, for the explanation and for the docs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from config.schema import GuardSpec
from daemon.guard.state import Phase

#: What only a guard with `recovery: ramp` has.
_OR_RAMP = ", or let its ramp bring users back"


@dataclass(frozen=True, slots=True)
class Words:
    """A phase in words.

    `means`: for somebody woken at 03:00, what is so; `{flag}` and `{act}` (on or off) are filled
    in by `meaning`. `facts`: which facts of the state make it so. `yours`: what is a person's to
    do.
    """

    means: str
    facts: str
    yours: str


WORDS: Mapping[Phase, Words] = MappingProxyType(
    {
        Phase.OBSERVE: Words(
            "Watches and decides, but does not act: mode is observe.",
            "`mode: observe`, and no other fact below holds",
            "Nothing. Set `mode: enforce` when you trust its decisions.",
        ),
        Phase.ARMED: Words(
            "All is well. Turns {flag} {act} if the widget itself breaks.",
            "no other fact below holds",
            "Nothing.",
        ),
        Phase.SUSPECT: Words(
            "A rule is breached. Confirming, and measuring the control, before any act.",
            "`suspicion` is set",
            "Nothing yet: it decides within seconds.",
        ),
        Phase.BLIND: Words(
            "Too many runs could not judge, or none came. It will not act: find out why the probes "
            "fail.",
            "`invalid_streak` at `blind_after`, or `judged_at` older than `silent_after_s`",
            "Find out why the probes cannot judge. Users may be in trouble unseen.",
        ),
        Phase.SITE_DOWN: Words(
            "The control fails too: the site is at fault, and {flag} stays as it is.",
            "`suspicion.control` is `fails`, and `incident` is open",
            "Mend the site. A kill would not help.",
        ),
        Phase.POWERLESS: Words(
            "{flag} does not gate this page, so turning it {act} would not help.",
            "`suspicion.control` is `powerless`, and `incident` is open",
            "Mend the widget, or take it off the page by other means; the fallback is fired.",
        ),
        Phase.KILLING: Words(
            "Turning {flag} {act} now.",
            "`kill.decided_at` is set, `kill.written_at` is not",
            "Nothing yet: the write is tried until the store takes it.",
        ),
        Phase.KILLED_UNVERIFIED: Words(
            "{flag} is {act} in the store. Waiting for a fresh browser's proof.",
            "`kill.written_at` is set, `kill.verified_at` is not",
            "Nothing yet.",
        ),
        Phase.KILLED: Words(
            "{flag} is {act}; a fresh browser no longer meets the fault.",
            "`kill.verified_at` is set",
            f"Mend the widget, then reset the guard{_OR_RAMP}.",
        ),
        Phase.KILL_FAILED: Words(
            "Users may still meet the fault: the flag could not be written, or pages do not show "
            "it. Retrying; use the fallback meanwhile.",
            "`kill.failed_at` is set, `kill.verified_at` is not",
            "Look at the store and at caches between it and the page; lead users round it by hand.",
        ),
        Phase.PROBATION: Words(
            "{flag} comes back by itself, in steps. One proven failure turns it {act} again.",
            "`probation` is set",
            "Nothing, if it was mended. Trip it again if it was not.",
        ),
        Phase.HUMAN_OFF: Words(
            "A person turned {flag} {act}. Set it back yourself when you are ready.",
            "`human.value` is what the act would write",
            "Set the flag back yourself: the guard never does.",
        ),
        Phase.HUMAN_ON: Words(
            "A person turned {flag} back. Hands off for now.",
            "`human.value` is the exposing one, and `human.until` is not over",
            "Watch it yourself until then: the guard does not act.",
        ),
        Phase.HELD: Words(
            "An operator said: hands off. It watches but does not act.",
            "`hold` is in force",
            "Release it when your reason is over.",
        ),
        Phase.LATCHED: Words(
            "Stopped itself after too many kills. Look into it, then reset with a reason.",
            "`latched` says why",
            "Find out why it killed so often, then reset it with a reason.",
        ),
    }
)


def meaning(spec: GuardSpec, label: Phase) -> str:
    """Say what a phase of this guard means."""
    act = "on" if spec.acts_to else "off"
    return WORDS[label].means.format(flag=spec.flag, act=act)


def yours(spec: GuardSpec, label: Phase) -> str:
    """Say what is a person's to do about this guard; a ramp only where it has one."""
    said = WORDS[label].yours
    return said if spec.recovery == "ramp" else said.replace(_OR_RAMP, "")
