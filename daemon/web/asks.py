"""What clients may send: paths, queries and bodies. An unknown key is an error."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from config.schema import Seconds
from daemon.history import Before
from probes.model import Outcome, Purpose


class Ask(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _one_line(value: str) -> str:
    # It goes to logs, the audit and a terminal: no line breaks, escapes or direction changes.
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in value):
        raise ValueError("must be one line of printable text")
    return value


def _a_person(value: str) -> str:
    # `guard` in the audit means that no person decided.
    if value.casefold() == "guard":
        raise ValueError("`guard` is not a person: say who asks")
    return value


def _cursor(value: object) -> Before:
    try:
        return Before.parse(str(value))
    except ValueError:
        raise ValueError(
            "must be `next` of an earlier page, or a time such as 2026-01-31T12:00:00Z"
        ) from None


Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(_one_line),
]
Person = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    AfterValidator(_one_line),
    AfterValidator(_a_person),
]
Cursor = Annotated[
    Before, BeforeValidator(_cursor), WithJsonSchema({"type": "string"}, mode="validation")
]
Limit = Annotated[int, Field(ge=1, le=500)]


class ByName(BaseModel):
    name: str


class ById(BaseModel):
    id: str


class ByKind(ById):
    kind: str


class Reasoned(Ask):
    """An operator's act."""

    reason: Annotated[Reason, Field(description="One sentence: why.")]
    by: Annotated[Person, Field(description="Who asks, for the audit.")] = "operator"


GateRow = tuple[
    Literal[
        "boolean",
        "actors",
        "groups",
        "percentage_of_actors",
        "percentage_of_time",
        "expression",
        "meta",
    ],
    Annotated[str, StringConstraints(min_length=1, max_length=65_536)],
]
GateRows = Annotated[tuple[GateRow, ...], Field(max_length=1000)]


class FlagAct(Reasoned):
    """An operator's write to a flag."""

    seen: GateRows | None = Field(
        None, description="Gates as the caller saw them; 409 where the flag has others by now."
    )


class Percentage(FlagAct):
    percentage: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class ActorGate(FlagAct):
    actor: Annotated[
        str, StringConstraints(min_length=1, max_length=255), AfterValidator(_one_line)
    ]
    present: bool = True


class Restored(FlagAct):
    gates: GateRows = Field(description="Of a snapshot.")


class AuditQuery(Ask):
    flag: str | None = None
    limit: Limit = 100
    after: Annotated[int, Field(ge=0)] = Field(0, description="`next` of the page before.")


class Held(Reasoned):
    for_s: Seconds | None = Field(None, description="Omitted: until released.")


class RunQuery(Ask):
    probe: str | None = None
    outcome: Outcome | None = None
    purpose: Purpose | None = None
    limit: Limit = 50
    before: Cursor | None = Field(
        None, description="`next` of the page before, or an ISO 8601 time."
    )


class IncidentQuery(Ask):
    guard: str | None = None
    open: bool | None = None
    limit: Limit = 50


class FlipQuery(Ask):
    flag: str | None = None
    limit: Limit = 50
    before: int | None = Field(None, description="`next` of the page before.")
