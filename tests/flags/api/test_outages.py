"""A server that is away, slow or broken, in front of reads and in the middle of writes."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from flags.model import (
    ReadBackDiffers,
    StoreUnavailable,
    UnknownFlag,
)
from flags.stores.base import DISABLED, ENABLED
from flags.stores.flipper_api import FlipperApiFlagStore
from tests.flags.api.canned import FLAG, TIMEOUT_S, Canned, feature


def test_a_server_that_accepts_and_never_answers_is_given_up_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        store = FlipperApiFlagStore(f"http://127.0.0.1:{port}", TIMEOUT_S)
        begin = time.monotonic()
        with pytest.raises(StoreUnavailable, match="no answer in time"):
            store.set(FLAG, False)
        assert time.monotonic() - begin < 2 * TIMEOUT_S + 0.5
        store.close()


def test_a_trickle_of_bytes_is_given_up_in_time() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def trickle() -> None:
            line, _ = listening.accept()
            with line:
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while not stop.wait(0.05):
                    line.send(b" ")

        thread = threading.Thread(target=trickle)
        thread.start()
        store = FlipperApiFlagStore(f"http://127.0.0.1:{listening.getsockname()[1]}", TIMEOUT_S)
        begin = time.monotonic()
        with pytest.raises(StoreUnavailable, match="did not end in time"):
            store.gates(FLAG)
        assert time.monotonic() - begin < TIMEOUT_S + 0.5
        stop.set()
        thread.join()
        store.close()


def test_a_moments_503_is_tried_again_for_reads() -> None:
    canned = Canned((503, "text/html", "busy"), (503, "text/html", "busy"), feature())
    with canned.serving() as store:
        assert store.gates(FLAG) == DISABLED
    assert len(canned.asked) == 3


def test_a_write_that_broke_is_repeated_only_after_a_look() -> None:
    on = feature(boolean="true")
    canned = Canned(on, (503, "text/html", "busy"), on, feature(boolean=None))
    with canned.serving() as store:
        assert store.replace_gates(FLAG, DISABLED) == ENABLED
    assert [method for method, _, _ in canned.asked] == ["GET", "DELETE", "GET", "DELETE", "GET"]


def test_a_feature_that_vanished_during_a_broken_write_is_not_created_again() -> None:
    gone = (404, "application/json", '{"code":1,"message":"Feature not found"}')
    canned = Canned(feature(boolean="true"), (503, "text/html", "busy"), gone)
    with canned.serving() as store, pytest.raises(UnknownFlag):
        store.replace_gates(FLAG, DISABLED)
    assert [method for method, _, _ in canned.asked] == ["GET", "DELETE", "GET"]


def test_what_somebody_wrote_during_a_broken_write_is_not_overwritten() -> None:
    theirs = feature(boolean=None, actors=["User;1"])
    canned = Canned(feature(boolean="true"), (503, "text/html", "busy"), theirs)
    with canned.serving() as store, pytest.raises(ReadBackDiffers):
        store.replace_gates(FLAG, DISABLED, expected=ENABLED)
    assert [method for method, _, _ in canned.asked] == ["GET", "DELETE", "GET"]


def test_a_write_that_reads_back_different_is_said_and_not_fought() -> None:
    canned = Canned(feature(boolean="true"))
    with canned.serving() as store, pytest.raises(ReadBackDiffers):
        store.set(FLAG, False)
    assert [method for method, _, _ in canned.asked] == ["GET", "GET", "DELETE", "GET"]
