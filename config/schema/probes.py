"""Targets, probes, and the faults that a drill plants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator

from config.schema.base import FlagName, HttpUrl, Name, Named, Seconds, Strict


class TargetSpec(Named):
    """Site under watch."""

    base_url: HttpUrl
    api_url: HttpUrl | None = Field(None, description="The API's origin; default: base_url.")
    cookies: dict[str, str] = Field(
        default_factory=dict, repr=False, description="Set in every browser; pin FLIPPER_ID here."
    )
    block: tuple[str, ...] = Field(
        (), description="URL globs that probes must not load, such as analytics hosts."
    )
    storage_state_file: Path | None = Field(
        None, description="Playwright storage state of a signed-in synthetic user."
    )

    @property
    def api(self) -> str:
        """Origin of the site's API."""
        return self.api_url or self.base_url


class Viewport(Strict):
    width: Annotated[int, Field(ge=200, le=4000)] = 1280
    height: Annotated[int, Field(ge=200, le=4000)] = 900


class SoftLimits(Strict):
    """Passing one of these makes a finished run `degraded`."""

    duration_s: Seconds | None = None
    lcp_s: Seconds | None = None
    inp_s: Seconds | None = None
    cls: Annotated[float, Field(gt=0)] | None = None
    ttfb_s: Seconds | None = None


class ProbeBase(Named):
    target: Name
    interval_s: Seconds | None = Field(
        60, description="null: runs only on demand, as controls and proofs do."
    )
    fast_interval_s: Seconds = Field(5, description="Pace while a guard is suspicious.")
    timeout_s: Seconds = Field(30, description="Whole run, evidence included.")
    locations: tuple[Name, ...] = ("local",)
    soft_limits: SoftLimits = SoftLimits()


class JourneyProbe(ProbeBase):
    """Scripted user flow in a real browser."""

    kind: Literal["journey"] = "journey"
    journey: Name
    params: dict[str, JsonValue] = Field(
        default_factory=dict, description="What the journey itself defines; checked at start."
    )
    cookies: dict[str, str] = Field(
        default_factory=dict, repr=False, description="Added to the target's."
    )
    storage_state_file: Path | None = None
    locale: str = "en-US"
    timezone: str = "America/New_York"
    viewport: Viewport = Viewport()
    accessibility: bool = Field(
        False, description="Let axe look at the page where the journey ended, for rules on it."
    )
    force_flags: dict[FlagName, bool] = Field(
        default_factory=dict,
        description="Toggle values rewritten in flight, for this probe's own browser only.",
    )


class JsonExpectation(Strict):
    path: str = Field(description="RFC 9535 JSONPath; the first match is compared.")
    equals: str | int | float | bool | None


class RequestProbe(ProbeBase):
    """One HTTP request and what its answer must be."""

    kind: Literal["request"]
    method: Literal["GET", "HEAD", "POST"] = "GET"
    path: str = "/"
    origin: Literal["base", "api"] = "base"
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    body: str | None = Field(None, repr=False)
    status: tuple[int, ...] = (200,)
    json_expect: tuple[JsonExpectation, ...] = ()
    tls_days_left: Annotated[int, Field(ge=1)] | None = None


class PromqlProbe(ProbeBase):
    """A question to a Prometheus server; its one number is what the run measures."""

    kind: Literal["promql"]
    query: Annotated[str, Field(min_length=1)] = Field(
        description="Instant query that answers with one number, or with one series."
    )
    headers: dict[str, str] = Field(default_factory=dict, repr=False)


ProbeSpec = JourneyProbe | RequestProbe | PromqlProbe


class InjectedFault(Strict):
    """A fault that a drill plants into its own browser's requests; nobody else meets it."""

    url: Annotated[str, Field(min_length=1)] = Field(
        description="URL glob of the requests that are hit."
    )
    status: Annotated[int, Field(ge=200, le=599)] | None = Field(
        None, description="Answer with this status and `body`."
    )
    body: str = ""
    abort: bool = Field(False, description="Let them fail as if the connection broke.")
    delay_s: Seconds | None = Field(None, description="Answer so late.")

    @model_validator(mode="after")
    def _does_one_thing(self) -> InjectedFault:
        chosen = (self.status is not None, self.abort, self.delay_s is not None)
        if sum(chosen) != 1:
            raise ValueError("name exactly one of: status, abort, delay_s")
        return self
