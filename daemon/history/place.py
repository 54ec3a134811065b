"""A place in a list that is ordered by time: where its next page begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, or_

#: Microseconds since 1970 (16 digits: until the year 2286), and the id of a row.
PLACE_PATTERN = r"^[0-9]{1,16}~[A-Za-z0-9_.:-]{0,160}$"
_PLACE = re.compile(r"([0-9]{1,16})~([A-Za-z0-9_.:-]{0,160})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Before:
    """Where a page begins: strictly older than this, newest first.

    Rows of the same time are ordered by their id, so that a page neither repeats nor leaves out
    one, whatever is added meanwhile.
    """

    at: datetime
    id: str = ""

    @classmethod
    def parse(cls, text: str) -> Before:
        """Read a cursor that `__str__` wrote.

        Raises:
            ValueError: it is none.
        """
        found = _PLACE.fullmatch(text)
        if found is None:
            raise ValueError("not a cursor of ours")
        return cls(_EPOCH + int(found[1]) * _TICK, found[2])

    def __str__(self) -> str:
        # Nothing in it needs escaping in a URL.
        return f"{(self.at - _EPOCH) // _TICK}~{self.id}"


def older(at: Column[Any], row_id: Column[Any], place: Before) -> ColumnElement[bool]:
    """Say in SQL that a row is behind `place`.

    The first term alone bounds the index's range: with `or` at the top, SQLite would walk from the
    newest row to every deep page.
    """
    return and_(at <= place.at, or_(at < place.at, row_id < place.id))


def between(
    at: Column[Any], since: datetime | None, until: datetime | None
) -> tuple[ColumnElement[bool], ...]:
    """Say in SQL that a time is at or after `since`, and before `until`."""
    first = () if since is None else (at >= since,)
    return first if until is None else (*first, at < until)
