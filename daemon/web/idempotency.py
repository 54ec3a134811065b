"""`Idempotency-Key`: a client that lost an answer asks again, and the act is done once.

As the IETF's draft "The Idempotency-Key HTTP Header Field" has it, for every POST and DELETE of
the API that sends one.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import structlog
from flask import Flask, Response, current_app, g, request

from daemon.answers import Answers, Given, KeyRefused, KeyReused
from daemon.engine import utc_now
from daemon.journal import JournalError
from daemon.web.auth import current_caller
from daemon.web.desk import current_desk
from daemon.web.problem import Refused

log = structlog.get_logger(__name__)

HEADER = "Idempotency-Key"
_ANSWERS = "tripflag_answers"
_KEY = re.compile(r"[!-~]{1,255}")
_KEPT = ("Content-Type", "ETag", "Location")


@dataclass(frozen=True, slots=True)
class _Claimed:
    """The key of the act under way, and how many turns this thread had committed before it."""

    caller: str
    key: str
    committed: int


def register(app: Flask) -> None:
    """Answer a repeated act with what the first was answered; after the checks of who may."""
    app.before_request(_replay)
    app.after_request(_keep)


def _replay() -> Response | None:
    if request.method not in ("POST", "DELETE") or not request.path.startswith("/api/"):
        return None
    if request.url_rule is None:  # nothing is served there, so nothing is to be repeated
        return None
    if (key := request.headers.get(HEADER)) is None:
        return None
    if not _KEY.fullmatch(key):
        raise Refused(400, f"{HEADER} must be 1 to 255 visible ASCII characters, such as a UUID")
    caller = current_caller()
    owner = "" if caller is None else caller.id
    try:
        given = _answers().claim(owner, key, _fingerprint(), utc_now())
    except KeyReused as cause:
        raise Refused(422, str(cause)) from None
    except KeyRefused as cause:
        raise Refused(409, str(cause)) from None
    if given is None:
        g.idempotency = _Claimed(owner, key, current_desk().journal.committed)
        return None
    sent = Response(given.body, given.status, json.loads(given.headers))
    sent.headers["Idempotency-Replayed"] = "true"
    return sent


def _keep(sent: Response) -> Response:
    claimed: _Claimed | None = g.pop("idempotency", None)
    if claimed is None:
        return sent
    place = (claimed.caller, claimed.key)
    try:
        if sent.status_code < 500:
            headers = {name: sent.headers[name] for name in _KEPT if name in sent.headers}
            body = sent.get_data(as_text=True)
            _answers().give(*place, Given(sent.status_code, json.dumps(headers), body))
        # A fault of ours may be gone the next time: that answer must not be repeated for a day.
        elif current_desk().journal.committed == claimed.committed:
            _answers().drop(*place)
        else:  # it came after the act, or a part of it: under this key nothing is done twice
            _answers().leave(*place)
    except JournalError as cause:
        # The act is done and its answer true; only a repetition will be refused.
        log.warning("answer not kept", error=str(cause))
    return sent


def keep_no_answer() -> None:
    """Let nothing keep the answer of the request under way; its key stays taken."""
    claimed: _Claimed | None = g.pop("idempotency", None)
    if claimed is not None:
        _answers().leave(claimed.caller, claimed.key)


def _answers() -> Answers:
    # setdefault: two first requests at once must end with one register of what is under way.
    made = current_app.extensions.setdefault(_ANSWERS, Answers(current_desk().journal))
    return cast(Answers, made)


def _fingerprint() -> str:
    body = request.get_data()
    with suppress(ValueError, RecursionError):  # members in another order are the same body
        body = json.dumps(json.loads(body), sort_keys=True).encode()
    # As bytes: a query need not be UTF-8.
    place = request.path.encode() + b"?" + request.query_string
    parts = (request.method.encode(), place, body)
    return hashlib.sha256(b"\n".join(parts)).hexdigest()
