"""Limits that turn runs into a conclusion; each is reached at `>=`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.schema.base import Name, Seconds, Strict


def regular_expression(value: str) -> str:
    """Accept what Python's `re` compiles. Messages never quote the value."""
    try:
        re.compile(value)
    except re.error as cause:
        at = "" if cause.pos is None else f" from character {cause.pos + 1} on"
        raise ValueError(f"is no regular expression{at}") from cause
    return value


#: VA.gov's own loading indicator throws this at times when its widget is quick; nobody is hurt.
HARMLESS = (r"va-loading-indicator", r"Failed to execute 'observe' on 'MutationObserver'")


Pattern = Annotated[str, AfterValidator(regular_expression)]


class RuleBase(Strict):
    severity: Annotated[int, Field(ge=1, le=4, description="1 critical .. 4 low")] = 1
    probes: tuple[Name, ...] | None = Field(None, description="Default: all of the guard's probes.")


class ConsecutiveFailures(RuleBase):
    rule: Literal["consecutive_failures"]
    limit: Annotated[int, Field(ge=1)]


class FailureRatio(RuleBase):
    rule: Literal["failure_ratio"]
    limit: Annotated[float, Field(gt=0, le=1)]
    window_s: Seconds
    min_runs: Annotated[int, Field(ge=1)] = 5


class StepDuration(RuleBase):
    rule: Literal["step_duration"]
    step: str
    limit_s: Seconds
    runs: Annotated[int, Field(ge=1, description="So many runs in a row.")] = 3


class VitalOverLimit(RuleBase):
    rule: Literal["vital"]
    vital: Literal["ttfb_s", "fcp_s", "lcp_s", "cls", "inp_s", "fid_s", "tbt_s", "tti_s"]
    limit: Annotated[float, Field(gt=0)]
    runs: Annotated[int, Field(ge=1, description="So many runs in a row.")] = 3


class LatencyQuantile(RuleBase):
    rule: Literal["latency_quantile"]
    limit_s: Seconds
    quantile: Annotated[float, Field(gt=0, le=1)] = 0.95
    step: str | None = Field(None, description="Of this step; default: of the whole run.")
    window_s: Seconds
    min_runs: Annotated[int, Field(ge=1)] = 10


class CompletionRate(RuleBase):
    """`limit` is the share of runs that do not come through to their last step."""

    rule: Literal["completion_rate"]
    limit: Annotated[float, Field(gt=0, le=1)]
    window_s: Seconds
    min_runs: Annotated[int, Field(ge=1)] = 10


class DropOff(RuleBase):
    """`limit` is the share of the runs that reach `step` and end there."""

    rule: Literal["drop_off"]
    step: str
    limit: Annotated[float, Field(gt=0, le=1)]
    window_s: Seconds
    min_runs: Annotated[int, Field(ge=1)] = 10


class AccessibilityViolations(RuleBase):
    rule: Literal["accessibility"]
    impact: Literal["minor", "moderate", "serious", "critical"] = Field(
        "serious", description="Violations of this impact or worse count."
    )
    limit: Annotated[int, Field(ge=1, description="So many violations in one run.")] = 1
    new_only: bool = Field(True, description="Only those that the stored baseline lacks.")
    runs: Annotated[int, Field(ge=1, description="So many runs in a row.")] = 3


class ConsoleErrors(RuleBase):
    rule: Literal["console_errors"]
    limit: Annotated[int, Field(ge=1, description="So many errors in one run.")] = 1
    allow: tuple[Pattern, ...] = Field(
        HARMLESS, description="Regular expressions of errors that are harmless."
    )
    runs: Annotated[int, Field(ge=1, description="So many runs in a row.")] = 3


class PromqlOverLimit(RuleBase):
    """No data, or a query that fails, is UNKNOWN."""

    rule: Literal["promql"]
    limit: float
    runs: Annotated[int, Field(ge=1, description="So many runs in a row.")] = 2
    attributable: bool = Field(
        False,
        description="The query speaks of the flagged thing alone, so it confirms by itself.",
    )


RuleSpec = Annotated[
    ConsecutiveFailures
    | FailureRatio
    | LatencyQuantile
    | StepDuration
    | VitalOverLimit
    | CompletionRate
    | DropOff
    | AccessibilityViolations
    | ConsoleErrors
    | PromqlOverLimit,
    Field(discriminator="rule"),
]
