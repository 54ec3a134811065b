"""The limits that concern a probe: its own, its guards' rules, and what the web calls good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from config.schema import (
    AccessibilityViolations,
    CompletionRate,
    Config,
    ConsecutiveFailures,
    ConsoleErrors,
    DropOff,
    FailureRatio,
    LatencyQuantile,
    ProbeSpec,
    PromqlOverLimit,
    RuleSpec,
    StepDuration,
    VitalOverLimit,
)
from daemon.web.wording import span

#: Up to the first a page is good, past the second it is poor (web.dev/articles/vitals, 2024).
THRESHOLDS = {
    "lcp_s": (2.5, 4.0),
    "inp_s": (0.2, 0.5),
    "cls": (0.1, 0.25),
    "ttfb_s": (0.8, 1.8),
    "fcp_s": (1.8, 3.0),
}


@dataclass(frozen=True, slots=True)
class Limit:
    """A line in a chart. `of`: `duration`, `value`, a vital's name, or `step NAME`. `tone`: `rule`,
    `soft`, `good`, `poor`.
    """

    of: str
    value: float
    label: str
    tone: str


def limits_of(config: Config, probe: ProbeSpec) -> tuple[Limit, ...]:
    """Return every limit that is drawn for a probe."""
    found = [
        Limit(
            name.removesuffix("_s") if name == "duration_s" else name, value, "soft limit", "soft"
        )
        for name, value in probe.soft_limits.model_dump().items()
        if value is not None
    ]
    for guard, rule in rules_of(config, probe.name):
        match rule:
            case LatencyQuantile():
                of = "duration" if rule.step is None else f"step {rule.step}"
                found.append(Limit(of, rule.limit_s, f"{guard}: p{rule.quantile * 100:g}", "rule"))
            case StepDuration():
                found.append(Limit(f"step {rule.step}", rule.limit_s, guard, "rule"))
            case VitalOverLimit():
                found.append(Limit(rule.vital, rule.limit, guard, "rule"))
            case PromqlOverLimit():
                found.append(Limit("value", rule.limit, guard, "rule"))
            case _:
                pass
    for vital, (good, poor) in THRESHOLDS.items():
        found += [Limit(vital, good, "good up to", "good"), Limit(vital, poor, "poor from", "poor")]
    return tuple(found)


def rules_of(config: Config, probe: str) -> Iterator[tuple[str, RuleSpec]]:
    """Yield each rule that judges a probe, with its guard's name."""
    for name, guard in config.guards.items():
        for rule in guard.rules:
            if probe in (guard.probes if rule.probes is None else rule.probes):
                yield name, rule


def said(rule: RuleSpec) -> str:
    """Say in one sentence when a rule is breached."""
    match rule:
        case ConsecutiveFailures():
            return f"{rule.limit} failed in a row"
        case FailureRatio() | CompletionRate() | DropOff() | LatencyQuantile():
            return f"{_over_a_window(rule)} in {span(rule.window_s)}, of {rule.min_runs} or more"
        case _:
            return f"{_each_run(rule)}, {rule.runs} in a row"


def _over_a_window(rule: FailureRatio | CompletionRate | DropOff | LatencyQuantile) -> str:
    match rule:
        case FailureRatio():
            return f"{rule.limit:.0%} failed"
        case CompletionRate():
            return f"{rule.limit:.0%} did not come through"
        case DropOff():
            return f"{rule.limit:.0%} ended at step “{rule.step}”"
        case LatencyQuantile():
            what = "a run" if rule.step is None else f"step “{rule.step}”"
            return f"p{rule.quantile * 100:g} of {what} {rule.limit_s:g} s or more"


def _each_run(
    rule: StepDuration | VitalOverLimit | AccessibilityViolations | ConsoleErrors | PromqlOverLimit,
) -> str:
    match rule:
        case StepDuration():
            return f"step “{rule.step}” {rule.limit_s:g} s or more"
        case VitalOverLimit():
            return f"{rule.vital.removesuffix('_s').upper()} {rule.limit:g} or more"
        case AccessibilityViolations():
            kind = "new " if rule.new_only else ""
            return f"{rule.limit} or more {kind}violations ({rule.impact} or worse)"
        case ConsoleErrors():
            return f"{rule.limit} or more console errors"
        case PromqlOverLimit():
            return f"value {rule.limit:g} or more"
