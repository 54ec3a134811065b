"""Guards: what binds probes, rules and a control to a flag and its fallback; circuits."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Literal

from apscheduler.triggers.cron import CronTrigger
from pydantic import AfterValidator, Field, model_validator

from config.schema.base import FlagName, Name, Named, Seconds, Strict
from config.schema.probes import InjectedFault
from config.schema.rules import RuleSpec


def cron(value: str) -> str:
    """Accept five fields of cron.

    Messages never quote the value: like every other it may come from the environment.
    """
    try:
        CronTrigger.from_crontab(value, timezone=UTC)
    except ValueError as cause:
        raise ValueError("must be five fields of cron, such as 30 4 * * mon") from cause
    if any(sign.isdigit() for sign in value.split()[4]):
        # crond counts them from Sunday, APScheduler from Monday.
        raise ValueError("days of the week go by name, such as mon or mon-fri")
    return value


Cron = Annotated[str, AfterValidator(cron)]


class Propagation(Strict):
    """How long a written flip may take to reach browsers, caches included."""

    budget_s: Seconds = 90
    retry_s: Seconds = 1


class Fallback(Strict):
    """What users get in the place of what is broken: a flag that goes on, a circuit that opens.

    Fired with the act, and where the act cannot help: POWERLESS, KILL_FAILED.
    """

    flag: FlagName | None = None
    circuit: Name | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Fallback:
        if self.flag is None and self.circuit is None:
            raise ValueError("name a flag, a circuit, or both")
        return self


class Ramp(Strict):
    """How exposure comes back: the probe's own id first, then shares of the users."""

    actor: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Default: the FLIPPER_ID cookie of the guard's first target."
    )
    percentages: tuple[Annotated[float, Field(gt=0, le=100)], ...] = (5, 25, 50)
    bake_s: Seconds = Field(600, description="Each step lasts so long at least,")
    passes: Annotated[int, Field(ge=1)] = Field(
        5, description="and until so many exposed runs passed, with none that failed."
    )
    hold_off_s: Seconds = Field(
        900, description="From a proven kill to the first step; doubles with each kill in 24 h."
    )
    hold_off_cap_s: Seconds = 14_400

    @model_validator(mode="after")
    def _rises(self) -> Ramp:
        if list(self.percentages) != sorted(set(self.percentages)):
            raise ValueError("percentages must rise")
        return self


class DrillSpec(Strict):
    """A rehearsal on the real target: faults in the probe's own browser, nothing written."""

    faults: tuple[InjectedFault, ...] = Field(min_length=1)
    cron: Cron | None = Field(None, description="Five fields, UTC; null: only when asked.")
    within_s: Seconds = Field(60, description="A slower detection is a failed drill.")
    max_age_s: Annotated[float, Field(gt=0, le=31_622_400)] = Field(
        691_200, description="A last good drill older than this leaves the guard unproven."
    )


class GuardSpec(Named):
    """What binds probes, rules and a control to a flag and its fallback."""

    flag: FlagName
    act: Literal["disable_flag", "fallback"] = Field(
        "disable_flag", description="fallback: the act is turning this flag ON."
    )
    mode: Literal["observe", "enforce"] = "observe"
    probes: tuple[Name, ...] = Field(min_length=1)
    control: Name = Field(description="On-demand probe: the same page, the act's effect forced.")
    proof: Name = Field(description="On-demand probe: what users must see after the act.")
    rules: tuple[RuleSpec, ...] = Field(min_length=1)
    confirmations: Annotated[int, Field(ge=1, le=10)] = Field(
        3, description="Valid runs after the first breach, the rule still being breached."
    )
    hard_confirmations: Annotated[int, Field(ge=1, le=10)] = Field(
        2, description="Enough where each is hard: the widget is missing, or shows a server error."
    )
    quorum: Annotated[int, Field(ge=1)] = Field(
        1, description="So many locations must confirm; a silent one never counts as a failure."
    )
    silent_after_s: Seconds = Field(
        600, description="A location whose newest run is older than this is silent."
    )
    clear_passes: Annotated[int, Field(ge=1)] = 2
    blind_after: Annotated[int, Field(ge=2)] = Field(
        5, description="So many runs in a row that could not judge make the guard BLIND."
    )
    control_max_age_s: Seconds = 30
    propagation: Propagation = Propagation()
    kills_per_day: Annotated[int, Field(ge=1)] = 3
    fallback: Fallback | None = None
    recovery: Literal["manual", "ramp"] = Field(
        "manual", description="manual: a person resets. ramp: exposure comes back by itself."
    )
    ramp: Ramp = Ramp()
    drill: DrillSpec | None = None
    human_on_s: Seconds = Field(
        3600, description="After a person turns the flag on, hands off for so long."
    )

    @property
    def acts_to(self) -> bool:
        """Value that the act writes; the other one is the value under which users are exposed."""
        return self.act == "fallback"


class CircuitSpec(Named):
    """A named switch that applications read: open means "go round it"."""

    probe: Name = Field(description="Its own HTTP probe, which judges it.")
    threshold: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="Share of failed runs that opens it."
    )
    window_s: Seconds = 60
    min_runs: Annotated[int, Field(ge=1)] = 4
    timeout_s: Seconds = Field(30, description="Open for so long, then half-open: tried again.")
    close_passes: Annotated[int, Field(ge=1)] = Field(
        2, description="Passing runs in a row that close a half-open one; one failure opens it."
    )
