"""What clients may send: paths, queries and bodies. An unknown key is an error."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

from config.schema import Seconds


class Ask(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


#: Unicode's categories Cc and Cf, as the inside of a character class: a schema's pattern can name
#: no categories. A test holds it against `unicodedata`. Halves of surrogate pairs are no text
#: anyway.
UNPRINTABLE = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    r"\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f"
)
_ONE_LINE = f"^[^{UNPRINTABLE}]*$"
#: And not only blanks, which are taken off its ends.
_SAID = rf"^[^{UNPRINTABLE}]*[^{UNPRINTABLE}\s][^{UNPRINTABLE}]*$"


def _one_line(value: str) -> str:
    # It goes to logs, the audit and a terminal: no line breaks, escapes or direction changes.
    if not re.fullmatch(_ONE_LINE, value):
        raise ValueError("must be one line of printable text")
    return value


def _a_person(value: str) -> str:
    # `guard` in the audit means that no person decided.
    if value.casefold() == "guard":
        raise ValueError("`guard` is not a person: say who asks")
    return value


Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    AfterValidator(_one_line),
    Field(json_schema_extra={"pattern": _SAID}),
]
Person = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=64),
    AfterValidator(_one_line),
    AfterValidator(_a_person),
    Field(
        json_schema_extra={
            "pattern": _SAID,
            "not": {"pattern": r"^\s*[Gg][Uu][Aa][Rr][Dd]\s*$"},
        }
    ),
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
        str,
        StringConstraints(min_length=1, max_length=255),
        AfterValidator(_one_line),
        Field(json_schema_extra={"pattern": _ONE_LINE}),
    ]
    present: bool = True


class Restored(FlagAct):
    gates: GateRows = Field(description="Of a snapshot.")


class Held(Reasoned):
    for_s: Seconds | None = Field(None, description="Omitted: until released.")


class Said(Ask):
    """An act that changes nothing by itself: a reason is welcome, not required."""

    reason: Annotated[Reason | None, Field(description="One sentence: why.")] = None
    by: Annotated[Person, Field(description="Who asks, for the audit.")] = "operator"


class ModeAct(Reasoned):
    mode: Literal["observe", "enforce", "configured"] = Field(
        description="configured: what the configuration says, again."
    )


class Paused(Reasoned):
    for_s: Seconds | None = Field(None, description="Omitted: until resumed.")


class Noted(Ask):
    """A person's line in an incident's timeline."""

    text: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=1000),
        AfterValidator(_one_line),
        Field(description="One line, kept in the timeline.", json_schema_extra={"pattern": _SAID}),
    ]
    by: Annotated[Person, Field(description="Who says so, for the audit.")] = "operator"


class Graded(Reasoned):
    severity: Annotated[int, Field(ge=1, le=4, description="1 critical .. 4 low.")]
