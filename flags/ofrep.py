"""OpenFeature's Remote Evaluation Protocol 0.3.0, answered from a mirror.

Source: open-feature/protocol, `service/openapi.yaml` and ADR-0008; the clients' own code for what
each does with an answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from itertools import chain
from threading import BoundedSemaphore
from typing import Any, NoReturn

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.routing import BaseConverter

from flags.evaluation import Evaluation, Evaluator
from flags.mirror import Mirror, Reading
from flags.streams import RETRY_MS, Stream

BODY_LIMIT = 16 * 1024
#: Levels of objects and arrays below `context`; a condition looks at the first.
DEPTH_LIMIT = 8
#: Each stream holds a thread of the server for its life, and the server has sixteen.
STREAMS = 3
#: Ends streams of clients that left without a word, and makes room for those who wait.
STREAM_S = 300.0
#: A dead connection is noticed when something is written to it; proxies close silent ones.
HEARTBEAT_S = 10.0

STALE_HEADER = "X-Tripflag-Stale"
ALLOWED_HEADERS = "*, Authorization"  # a star does not cover that one
EXPOSED_HEADERS = f"ETag, Retry-After, {STALE_HEADER}"
EVENTS_PATH = "/ofrep/v1/events"
JSON_TYPE = "application/json"


class _Refused(Exception):
    """Ends the request with an error of the protocol; clients read all three parts."""

    def __init__(self, status: int, code: str, details: str) -> None:
        super().__init__(details)
        self.status, self.code, self.details = status, code, details

    def answer(self, key: str | None = None) -> Response:
        """Make the answer; one about a single flag must name it, or clients do not take it."""
        named = {} if key is None else {"key": key}
        body = {**named, "errorCode": self.code, "errorDetails": self.details}
        return Response(json.dumps(body), self.status, content_type=JSON_TYPE)


def ofrep_blueprint(
    mirror: Mirror,
    origins: tuple[str, ...] = ("*",),
    *,
    streams: int = STREAMS,
    stream_s: float = STREAM_S,
    heartbeat_s: float = HEARTBEAT_S,
) -> Blueprint:
    """Serve evaluations from the mirror's last reading, and an event whenever a flag changes.

    Args:
        mirror: never refreshed from here.
        origins: whose pages may read the answers; "*" stands for all.
        streams: how many event streams may be open at once; the next is refused with 503.
        stream_s: how long a stream lasts before its client must come again.
        heartbeat_s: silence after which a stream sends a comment.
    """
    blueprint = Blueprint("ofrep", __name__)
    open_to(blueprint, mirror, origins)
    places = BoundedSemaphore(streams)

    blueprint.record(lambda state: state.app.url_map.converters.update(flag_name=_NameConverter))

    @blueprint.post("/ofrep/v1/evaluate/flags/<flag_name:key>", merge_slashes=False)
    def evaluate_flag(key: str) -> Response:
        reading = mirror.reading
        try:
            actor, context = _asked()
            found = _find(reading, key).evaluate(actor, context)
        except _Refused as refused:
            return refused.answer(key)
        return Response(_answer(key, found, _metadata(reading)), content_type=JSON_TYPE)

    @blueprint.post("/ofrep/v1/evaluate/flags")
    def evaluate_flags() -> Response:
        reading = mirror.reading
        try:
            actor, context = _asked()
            if reading.read_at is None:
                _not_read()
        except _Refused as refused:
            return refused.answer()
        metadata = _metadata(reading)
        answers = [
            _answer(key, evaluator.evaluate(actor, context), metadata)
            for key, evaluator in reading.evaluators.items()
        ]
        # Announced also while every place is taken: a client that is refused there comes back here
        # again and again, but one that hears of no stream never asks again at all.
        uri = json.dumps(request.script_root + EVENTS_PATH)
        body = (
            f'{{"flags":[{",".join(answers)}],"metadata":{metadata},'
            f'"eventStreams":[{{"type":"sse","endpoint":{{"requestUri":{uri}}}}}]}}'
        )
        # Of the answer, not of the flags: another actor, and an outage, make another answer.
        etag = hashlib.blake2b(body.encode(), digest_size=12).hexdigest()
        same = request.if_none_match.contains_weak(etag)
        sent = Response(status=304) if same else Response(body, content_type=JSON_TYPE)
        sent.set_etag(etag)
        return sent

    @blueprint.get(EVENTS_PATH)
    def events() -> Response:
        if request.method == "HEAD":
            return Response(content_type="text/event-stream")
        if not places.acquire(blocking=False):
            details = f"all {streams} event streams are in use: ask for the flags again instead"
            sent = _Refused(503, "GENERAL", details).answer()
            sent.headers["Retry-After"] = str(max(1, RETRY_MS // 1000))
            return sent
        stream = Stream(mirror, places, stream_s, heartbeat_s)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Response(stream, headers=headers, content_type="text/event-stream")

    return blueprint


class _NameConverter(BaseConverter):
    """All of the rest: a flag's name may hold anything, and not every client escapes slashes."""

    part_isolating = False
    regex = r"[\s\S]+"


def open_to(blueprint: Blueprint, mirror: Mirror, origins: tuple[str, ...]) -> None:
    """Let pages of these origins read a blueprint's answers, which also say when they are stale.

    Without credentials: what is served is the same for everybody who asks the same.
    """
    everybody = "*" in origins

    @blueprint.after_request
    def add_headers(sent: Response) -> Response:
        headers = sent.headers
        environ = request.environ
        reading = mirror.reading
        if reading.stale:
            headers.add(STALE_HEADER, _read_at(reading) or "never read")
        # Nobody keeps the answer to a POST, and nobody but a page sends an Origin: evaluations for
        # servers are most of the work, and a header more is noticed there.
        if environ["REQUEST_METHOD"] != "POST" and "Cache-Control" not in headers:
            headers.add("Cache-Control", "no-store")
        origin = environ.get("HTTP_ORIGIN")
        if not everybody:
            headers.add("Vary", "Origin")
        if origin is None or not (everybody or origin in origins):
            return sent
        headers.add("Access-Control-Allow-Origin", "*" if everybody else origin)
        headers.add("Access-Control-Expose-Headers", EXPOSED_HEADERS)
        if environ["REQUEST_METHOD"] == "OPTIONS":
            headers.add("Access-Control-Allow-Methods", headers.get("Allow", ""))
            headers.add("Access-Control-Allow-Headers", ALLOWED_HEADERS)
            headers.add("Access-Control-Max-Age", "600")
        return sent


# --- what was asked -------------------------------------------------------------------------


def _asked() -> tuple[str | None, Mapping[str, Any]]:
    """Return actor and context of the request; the context is without `targetingKey`."""
    try:
        sent = request.stream.read(BODY_LIMIT + 1)
        if len(sent) > BODY_LIMIT:
            raise RequestEntityTooLarge
        raw = _DECODER.decode(sent.decode())
    except RequestEntityTooLarge:  # also from the app, by its own limit
        raise _Refused(413, "GENERAL", f"the body is over {BODY_LIMIT} bytes") from None
    except (ValueError, RecursionError) as cause:
        # A decoding error's text repeats what was sent.
        where = f": {cause}" if isinstance(cause, json.JSONDecodeError) else ""
        raise _Refused(400, "PARSE_ERROR", f"the body is not JSON{where}"[:200]) from None
    if not isinstance(raw, dict):
        raise _Refused(400, "PARSE_ERROR", "the body must be an object with a `context`")
    # Required by the protocol, but left out by a client that was given none.
    context = raw.get("context", {})
    if not isinstance(context, dict):
        raise _Refused(400, "INVALID_CONTEXT", "`context` must be an object")
    _check_depth(context)
    actor = context.pop("targetingKey", None)
    if actor is None:
        return None, context
    if not isinstance(actor, str):
        raise _Refused(400, "INVALID_CONTEXT", "`targetingKey` must be a string")
    try:
        actor.encode()
    except UnicodeEncodeError:
        details = "`targetingKey` holds half of a surrogate pair, and is no text"
        raise _Refused(400, "INVALID_CONTEXT", details) from None
    # Clients leave an empty one out; nobody is called that.
    return actor or None, context


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _check_depth(context: Mapping[str, Any]) -> None:
    below = list(context.values())
    for _ in range(DEPTH_LIMIT):
        nested = [each for each in below if isinstance(each, dict | list)]
        if not nested:
            return
        below = list(chain.from_iterable(e.values() if isinstance(e, dict) else e for e in nested))
    if any(isinstance(each, dict | list) for each in below):
        raise _Refused(400, "INVALID_CONTEXT", f"`context` is nested over {DEPTH_LIMIT} levels")


# --- what is answered -----------------------------------------------------------------------


def _find(reading: Reading, key: str) -> Evaluator:
    if (found := reading.evaluators.get(key)) is not None:
        return found
    if reading.read_at is None:
        _not_read()
    raise _Refused(404, "FLAG_NOT_FOUND", "the flag store has no flag of that name")


def _not_read() -> NoReturn:
    # Applications then take the default in their code, as they do when we are not there at all. Not
    # 404, which says that the flag does not exist; not 503, which the protocol does not know.
    raise _Refused(500, "GENERAL", "the flag store was not read yet: ask again")


def _answer(key: str, found: Evaluation, metadata: str) -> str:
    """Return one flag's answer; a client without `variant` or a known `reason` takes its default,
    and a kill would be lost.
    """
    value, variant = ("true", "on") if found.value else ("false", "off")
    return (
        f'{{"key":{json.dumps(key)},"value":{value},"reason":"{found.reason}",'
        f'"variant":"{variant}","metadata":{metadata}}}'
    )


def _metadata(reading: Reading) -> str:
    # When fresh it says nothing: a time would give each poll a new ETag.
    return f'{{"stale":true,"readAt":"{_read_at(reading)}"}}' if reading.stale else "{}"


def _read_at(reading: Reading) -> str:
    return reading.read_at.isoformat() if reading.read_at else ""
