"""ETags over what an operator decides upon, and the writes that go by them (RFC 9110, 13).

They are no digests of an answer: a run that comes in changes a guard's page, but nothing that
somebody who read it would decide otherwise for. What does change a decision changes the ETag.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Any, ParamSpec

from flask import Response, request
from pydantic import BaseModel
from werkzeug.datastructures import ETags

from daemon.web.problem import Refused

P = ParamSpec("P")


class Overtaken(Refused):
    """Someone was first: what the caller saw is no longer so. Nothing was written."""

    def __init__(self, subject: str, now: str = "") -> None:
        detail = (
            f"someone was first: {subject} is not what you saw. Nothing was written: look again, "
            "and decide anew"
        )
        super().__init__(412, detail, {"ETag": now} if now else None)


def etag_of(*facts: Any) -> str:
    """Return the quoted strong ETag of facts: equal facts have equal ones, in any process.

    Facts are what JSON can hold, aware times, enums of text, dataclasses and pydantic models.
    """
    text = json.dumps(facts, default=_plain, sort_keys=True, separators=(",", ":"))
    return f'"{hashlib.sha256(text.encode()).hexdigest()}"'


def tagged(sent: Response, etag: str) -> Response:
    """Give an answer its ETag; a GET whose client has that already becomes a bare 304."""
    sent.headers["ETag"] = etag
    sent.make_conditional(request)
    return sent


def expect(subject: str, tag: Callable[P, str]) -> Callable[P, None] | None:
    """Make the check that If-Match asks for; None where it was not sent: anything will do.

    The check is to be called inside the transaction that writes, with what `tag` takes; it raises
    `Overtaken` where no ETag of the request is the one of now.

    Args:
        subject: what it is about, for people, such as `guard assessment`.
        tag: gives the ETag.

    Raises:
        Refused: 400, the header holds no ETag.
    """
    wanted = _if_match()
    if wanted is None:
        return None

    def check(*args: P.args, **kwargs: P.kwargs) -> None:
        now = tag(*args, **kwargs)
        # Weak ones never match here (RFC 9110, 13.1.1); `*`: it is enough that there is one.
        if not wanted.contains(now.strip('"')):
            raise Overtaken(subject, now)

    return check


def _if_match() -> ETags | None:
    if "If-Match" not in request.headers:
        return None
    wanted = request.if_match
    if not wanted:
        raise Refused(
            400, "If-Match holds no ETag: send the one of an earlier answer, or leave it out"
        )
    return wanted


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case BaseModel():
            return value.model_dump(mode="json")
        case set() | frozenset():
            return sorted(value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            return asdict(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no place in an ETag")
