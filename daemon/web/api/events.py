"""/api/v1/events: what changes, as it changes (server-sent events)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from threading import BoundedSemaphore
from time import monotonic

from flask import Flask, Response, current_app, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon.journal import JournalError
from daemon.news import Heard, News
from daemon.web.auth import current_caller, still_may
from daemon.web.desk import current_desk
from daemon.web.problem import Refused

EVENTS = APIBlueprint(
    "events", __name__, url_prefix="/api/v1/events", abp_tags=[Tag(name="events")]
)

#: Each stream holds a thread of the server for its life; half of them are left for answers.
STREAMS = 5
#: Ends streams of clients that left without a word, and makes room for those who wait.
STREAM_S = 300.0
#: A dead connection is noticed when something is written to it; proxies close silent ones.
HEARTBEAT_S = 10.0
#: How soon a browser comes again when a stream has ended.
RETRY_MS = 1000
#: What a page that was refused does better than to ask again at once: poll the overview.
REFUSED_FOR_S = 5

_PLACES = "tripflag_event_places"
_DESCRIBED = {
    "description": "Events named `run`, `guard`, `flag`, `incident`, `circuit`, `probe`, `drill` "
    "or `config`, whose data is JSON: `kind`, `name` and `id` of what changed. `reset`: something "
    "was missed, so read everything anew.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


class EventStream:
    """One client's events as text; whoever iterates it holds a thread until it ends.

    It ends after `life_s`, when the news close, when it finds that the client `may` no longer hear,
    or at `close`. Its place in `places`, which the caller took, is then given back.
    """

    def __init__(
        self,
        news: News,
        places: BoundedSemaphore,
        after: int | None,
        life_s: float,
        beat_s: float,
        may: Callable[[], bool],
    ) -> None:
        self._news = news
        self._may = may
        self._places: BoundedSemaphore | None = places
        self._after = after
        self._life_s = life_s
        self._beat_s = beat_s

    def __iter__(self) -> Iterator[str]:
        until = monotonic() + self._life_s
        # A client that has seen nothing yet hears what comes from now on.
        number = self._news.last if self._after is None else self._after
        heard = self._news.since(number)
        # With a number from the first, so that a client which is cut off at once can resume.
        yield f"retry: {RETRY_MS}\nid: {number}\n: hello\n\n{_text(heard)}"
        while (left_s := until - monotonic()) > 0 and not self._news.closed:
            heard = self._news.wait(heard.last, min(left_s, self._beat_s))
            if not self._may():  # its token was revoked, or has expired
                return
            # The comment is written to find out whether anybody is still there.
            yield _text(heard) or ": \n\n"

    def close(self) -> None:
        """Give the place back, once; the server calls this however the answer ended."""
        places, self._places = self._places, None
        if places is not None:
            places.release()


def register(
    app: Flask, streams: int = STREAMS, life_s: float = STREAM_S, beat_s: float = HEARTBEAT_S
) -> None:
    """Give an app its places for streams."""
    app.extensions[_PLACES] = (BoundedSemaphore(streams), streams, life_s, beat_s)


@EVENTS.get("", responses={200: _DESCRIBED})
def events() -> Response:
    """Hear what changes, as it changes; `Last-Event-ID` goes on where a stream ended."""
    places, streams, life_s, beat_s = current_app.extensions[_PLACES]
    if request.method == "HEAD":
        return Response(content_type="text/event-stream")
    after = _last_seen()
    app, caller = current_app._get_current_object(), current_caller()  # type: ignore[attr-defined]

    def may() -> bool:
        try:
            with app.app_context():
                return caller is not None and still_may(caller)
        except JournalError:  # whoever comes again is told
            return False

    if not places.acquire(blocking=False):
        raise Refused(
            503,
            f"all {streams} event streams are in use: ask for /api/v1/overview now and then "
            "instead, or close another page",
            {"Retry-After": str(REFUSED_FOR_S)},
        )
    stream = EventStream(current_desk().news, places, after, life_s, beat_s, may)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Response(stream, headers=headers, content_type="text/event-stream")


def _last_seen() -> int | None:
    sent = request.headers.get("Last-Event-ID", "")
    # Not ours: as if it came from another daemon, which `News.since` answers with a reset.
    return None if not sent else int(sent) if sent.isdecimal() and len(sent) < 20 else -1


def _text(heard: Heard) -> str:
    if heard.missed:
        return f"id: {heard.last}\nevent: reset\ndata: {{}}\n\n"
    return "".join(
        f"id: {each.number}\nevent: {each.kind.value}\ndata: "
        f"{json.dumps({'kind': each.kind.value, 'name': each.name, 'id': each.id})}\n\n"
        for each in heard.items
    )
