"""Server-sent events that tell OpenFeature's clients to ask for their flags again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from threading import BoundedSemaphore
from time import monotonic

from flags.mirror import Mirror, Reading

#: How soon a browser comes again when a stream has ended.
RETRY_MS = 1000


class Stream:
    """One client's events as text; whoever iterates it holds a thread until it ends.

    It ends after `life_s`, when the mirror closes, or at `close`. Its place in `places`, which the
    caller took, is then given back.
    """

    def __init__(
        self, mirror: Mirror, places: BoundedSemaphore, life_s: float, heartbeat_s: float
    ) -> None:
        self._mirror = mirror
        self._places: BoundedSemaphore | None = places
        self._life_s = life_s
        self._heartbeat_s = heartbeat_s

    def __iter__(self) -> Iterator[str]:
        until = monotonic() + self._life_s
        reading = self._mirror.reading
        # The first event is for what changed since the client last asked: while it connected, and
        # while it was between two streams. The web client does not ask by itself when it is back.
        yield f"retry: {RETRY_MS}\n{_refetch(reading)}"
        while (left_s := until - monotonic()) > 0 and not self._mirror.closed:
            self._mirror.wait(reading.version, min(left_s, self._heartbeat_s))
            before, reading = reading, self._mirror.reading
            # The comment is written to find out whether anybody is still there.
            yield ": \n\n" if reading.version == before.version else _refetch(reading)

    def close(self) -> None:
        """Give the place back, once; the server calls this however the answer ended."""
        places, self._places = self._places, None
        if places is not None:
            places.release()


def _refetch(reading: Reading) -> str:
    etag = {"etag": reading.etag} if reading.etag else {}
    data = json.dumps({"type": "refetchEvaluation", **etag})
    return f"id: {reading.version}\ndata: {data}\n\n"
