"""The connection behind the request at hand: whether anybody still waits, and how to reset it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress

from flask import Response, request
from waitress.channel import ClientDisconnected

# Where the server leaves a function that returns the socket of a request.
SOCKET = "stage.socket"


def client_gone() -> Callable[[], bool]:
    """Return a question that any code may ask later: has this request's browser hung up?

    Only waitress with a request look-ahead can tell; elsewhere the answer is always no.
    """
    gone: Callable[[], bool] | None = request.environ.get("waitress.client_disconnected")
    return gone or (lambda: False)


def reset() -> Response:
    """Build what is no answer at all: the connection is reset before its first byte."""
    find: Callable[[], socket.socket | None] | None = request.environ.get(SOCKET)

    def hang_up() -> Iterator[bytes]:
        connection = find() if find is not None else None
        if connection is not None:
            with suppress(OSError):
                # Closed without lingering, the kernel sends RST in place of FIN.
                lingers = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingers)
        # Raised before anything was written, waitress closes the connection as it is.
        raise ClientDisconnected
        yield b""

    return Response(hang_up())
