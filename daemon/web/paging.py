"""What every list that can grow takes: a limit, a cursor, and times."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field, WithJsonSchema

from daemon.history import PLACE_PATTERN, Before
from daemon.web.asks import Ask, Limit

Row = TypeVar("Row")

#: As many digits as SQLite's greatest row number can never have.
ROW_PATTERN = r"^[0-9]{1,18}$"
_ROW = re.compile(r"[0-9]{1,18}", re.ASCII)
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
_CURSOR = "must be `next` of the page before, as it was sent"


def _place(value: object) -> Before:
    try:
        return Before.parse(str(value))
    except ValueError:
        raise ValueError(_CURSOR) from None


def _row(value: object) -> int:
    if not _ROW.fullmatch(str(value)):
        raise ValueError(_CURSOR)
    return int(str(value))


def utc_time(text: str) -> datetime:
    """Read an ISO 8601 time.

    Raises:
        ValueError: it is none, or has no zone; the message goes behind the name of its field.
        OverflowError: its offset leads out of the calendar.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is no time: give one such as 2026-01-31T12:00:00Z") from None
    if at.tzinfo is None:
        raise ValueError("has no zone: add Z for UTC, or an offset such as %2B01:00")
    return at.astimezone(UTC)


def _time(value: object) -> datetime:
    text = str(value)
    try:
        return utc_time(text)
    except OverflowError:  # at one of the ends of the calendar
        return _FIRST if text.startswith("0001") else _LAST


def _cursor_schema(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern}, mode="validation")


#: Of lists that are ordered by time.
PlaceCursor = Annotated[Before, BeforeValidator(_place), _cursor_schema(PLACE_PATTERN)]
#: Of lists whose rows are numbered.
RowCursor = Annotated[int, BeforeValidator(_row), _cursor_schema(ROW_PATTERN)]
Time = Annotated[datetime, BeforeValidator(_time)]

CURSOR = Field(None, description="`next` of the page before; leave it out for the first page.")
SINCE = Field(None, description="ISO 8601 time with its zone: only what is not older.")
UNTIL = Field(None, description="ISO 8601 time with its zone: only what is older.")
NEXT = Field(description="`cursor` of the next page; null: this is the last.")


class Within(Ask):
    """Bounds of a list in time, and how much of it is sent at once."""

    since: Time | None = SINCE
    until: Time | None = UNTIL
    limit: Limit = 50


def page_of(
    found: Sequence[Row], limit: int, place: Callable[[Row], object]
) -> tuple[tuple[Row, ...], str | None]:
    """Split what was found with `limit + 1` into a page and the cursor of the next one."""
    page = tuple(found[:limit])
    return page, str(place(page[-1])) if len(found) > limit else None
