"""What happened: frozen facts about one run, JSON both ways. Standard library only.

Nobody writes a conclusion onto a fact: what a run means for a flag is `daemon.rules`' business.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple


class Outcome(StrEnum):
    """What happened in a run or step.

    `degraded`: finished, but past a soft limit. `failed`: the target broke a promise that the
    journey states. `error`: the probe could not judge. `skipped`: no exposure, or a legitimate
    business answer, so it says nothing about the flagged thing.
    """

    PASSED = "passed"
    DEGRADED = "degraded"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"

    @property
    def judges(self) -> bool:
        """True where the run says something about the target."""
        return self in (Outcome.PASSED, Outcome.DEGRADED, Outcome.FAILED)


class FailureClass(StrEnum):
    """What stood in the way of a run that did not pass, as far as it could be told apart."""

    PROMISE = "promise"
    DNS = "dns"
    TLS = "tls"
    REFUSED = "refused"
    RESET = "reset"
    NO_FIRST_BYTE = "no_first_byte"
    STALLED = "stalled"
    NETWORK = "network"
    UPLINK = "uplink"
    RENDERER = "renderer"
    BROWSER = "browser"
    OUT_OF_MEMORY = "out_of_memory"
    WORKER = "worker"
    JOURNEY = "journey"
    NO_EXPOSURE = "no_exposure"
    BUSINESS = "business"


class Finding(NamedTuple):
    """What a run's ending says: outcome, why in one sentence, and what kind of thing it was."""

    outcome: Outcome
    reason: str = ""
    failure: FailureClass | None = None


class Purpose(StrEnum):
    """Why a run was asked for.

    Controls, proofs and drills never count as evidence against the widget.
    """

    SCHEDULED = "scheduled"
    CONFIRM = "confirm"
    CONTROL = "control"
    PROOF = "proof"
    MANUAL = "manual"
    DRILL = "drill"

    @property
    def counts(self) -> bool:
        """True where rules may count the run."""
        return self in (Purpose.SCHEDULED, Purpose.CONFIRM, Purpose.MANUAL)


@dataclass(frozen=True, slots=True)
class Step:
    """One named part of a journey; `message` says what went wrong, empty if nothing did."""

    name: str
    outcome: Outcome
    duration_s: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class Exposure:
    """Was the flagged thing really shown to this browser.

    `value` is what the page's own toggle request answered for `flag`: None where it failed, was
    not JSON, or never came, and then `reason` says so. `rendered`: the flagged thing was seen in
    the page; None where the journey could not look. `seen_at`: when the toggle answer arrived.
    """

    flag: str
    value: bool | None
    rendered: bool | None = None
    reason: str = ""
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Vitals:
    """Web vitals of a run; seconds, except `cls`. None: not measured, never zero.

    Load figures (TTFB, FCP, LCP, TTI) are the first page's; CLS, INP, FID and TBT are the worst of
    all its pages.
    """

    ttfb_s: float | None = None
    fcp_s: float | None = None
    lcp_s: float | None = None
    cls: float | None = None
    inp_s: float | None = None
    fid_s: float | None = None
    tbt_s: float | None = None
    tti_s: float | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """One element that breaks one of axe's rules; `impact` is minor, moderate, serious, critical.

    `target` is axe's selector of the element: with `rule` it tells a known violation from a new
    one.
    """

    rule: str
    impact: str
    target: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A request that got no answer (`status` None) or one of 400 and above."""

    method: str
    url: str
    status: int | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class ToggleResponse:
    """The toggle answer that the page received: its HTTP status and the flags' values."""

    status: int | None
    values: dict[str, bool] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Artifact:
    """Evidence on disk; `path` is relative to the artifacts folder."""

    kind: str
    path: str


#: What stood in the way of evidence: how `Run.artifact_problem` begins.
DISK_FULL = "disk full"
NOT_WRITABLE = "not writable"
BLACK_OUT = "black-out"
MASKING = "masking"
ARTIFACT_PROBLEMS = (DISK_FULL, NOT_WRITABLE, BLACK_OUT, MASKING)


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a probe and its record.

    `reason` says in one sentence why the outcome is not `passed`. All text from the target is
    bounded here and escaped where it is shown.

    `hard`: a failure that leaves little doubt: the flagged thing is missing, or shows an error that
    a 5xx stands behind. `failure`: what kind of thing went wrong. `value`: what a probe of one
    number measured. `violations`: what axe found; None where it did not look. `pair`: shared by a
    run and its control that were walked one after the other in one worker. `artifact_problem`: why
    evidence that should be there is not, as "KIND: words"; the outcome does not depend on it.
    """

    id: str
    probe: str
    location: str
    purpose: Purpose
    started_at: datetime
    duration_s: float
    outcome: Outcome
    reason: str = ""
    steps: tuple[Step, ...] = ()
    exposure: Exposure | None = None
    vitals: Vitals | None = None
    console_errors: tuple[str, ...] = ()
    failed_requests: tuple[FailedRequest, ...] = ()
    toggles: ToggleResponse | None = None
    artifacts: tuple[Artifact, ...] = ()
    browser: str = ""
    hard: bool = False
    failure: FailureClass | None = None
    value: float | None = None
    violations: tuple[Violation, ...] | None = None
    pair: str = ""
    artifact_problem: str = ""

    def __post_init__(self) -> None:
        if self.started_at.tzinfo is None:
            raise ValueError("started_at must be an aware time")

    @property
    def judges(self) -> bool:
        """True where rules may count this run as evidence."""
        return self.outcome.judges and self.purpose.counts

    def to_json(self) -> str:
        """Return the run as one JSON object; times are ISO 8601 in UTC."""
        return json.dumps(asdict(self), default=_encode, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Run:
        """Rebuild what `to_json` wrote.

        Raises:
            ValueError: the text is not a run.
        """
        try:
            raw: dict[str, Any] = json.loads(text)
            exposure, vitals, toggles = raw["exposure"], raw["vitals"], raw["toggles"]
            failure, violations = raw.get("failure"), raw.get("violations")
            return cls(
                **{
                    **raw,
                    "purpose": Purpose(raw["purpose"]),
                    "started_at": _time(raw["started_at"]),
                    "outcome": Outcome(raw["outcome"]),
                    "steps": tuple(
                        Step(**{**step, "outcome": Outcome(step["outcome"])})
                        for step in raw["steps"]
                    ),
                    "exposure": exposure
                    and Exposure(**{**exposure, "seen_at": _time(exposure["seen_at"])}),
                    "vitals": vitals and Vitals(**vitals),
                    "console_errors": tuple(raw["console_errors"]),
                    "failed_requests": tuple(FailedRequest(**f) for f in raw["failed_requests"]),
                    "toggles": toggles and ToggleResponse(**toggles),
                    "artifacts": tuple(Artifact(**a) for a in raw["artifacts"]),
                    "failure": None if failure is None else FailureClass(failure),
                    "violations": None
                    if violations is None
                    else tuple(Violation(**v) for v in violations),
                }
            )
        except (KeyError, TypeError, AttributeError) as cause:
            raise ValueError(f"not a run: {cause!r}") from cause


class ProbeError(Exception):
    """Root of this package's errors: what could not be measured, why, and the remedy."""


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"cannot encode {type(value).__name__}")


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
