"""flipper-client's S3 objects as a flag store: one object per flag, at the root of a bucket."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import structlog
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from flags.model import FlagError, StoreUnavailable, UnknownFlag
from flags.stores.client.base import ClientFlagStore

_MISSING = ("NoSuchKey", "404")
#: Somebody was first: 412, and S3's own 409 for two writes at once.
_BEATEN = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
_NO_ETAG = '"00000000000000000000000000000000"'

_log = structlog.get_logger()


class S3FlagStore(ClientFlagStore):
    """Flags in a bucket that applications share by flipper-client.

    Writes are conditional on the object's ETag. Before its first write it finds out whether the
    server heeds that; one that does not is written to all the same, as a kill must not wait for a
    better server, with a warning: two Tripflags, or a write of meta, can then overwrite one
    another, and only the watch after the write is left.

    Raises:
        FlagError: the endpoint's URL holds a user or password.
    """

    #: The library's read and write are two requests over the internet.
    settle_s = 0.25

    def __init__(
        self,
        bucket: str,
        endpoint_url: str | None = None,
        region: str | None = None,
        timeout_s: float = 5,
    ) -> None:
        super().__init__()
        if endpoint_url is not None and "@" in urlsplit(endpoint_url).netloc:
            raise FlagError(
                "store.endpoint_url must hold no user or password: give credentials by the "
                "environment or the SDK's files"
            )
        self._bucket = bucket
        self._timeout_s = timeout_s
        self._options = {"endpoint_url": endpoint_url, "region_name": region}
        self._lock = Lock()
        self._opened: Any = None
        self._conditional: bool | None = None

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    @property
    def _client(self) -> Any:
        # Opened late: looking for credentials asks the cloud's metadata service.
        with self._lock:
            if self._opened is None:
                config = Config(
                    connect_timeout=self._timeout_s,
                    read_timeout=self._timeout_s,
                    # "max_attempts" would count retries only, and allow one.
                    retries={"total_max_attempts": 1},
                    # Newer checksums are refused by older servers of other makers.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                )
                self._opened = Session().create_client("s3", config=config, **self._options)
            return self._opened

    def _read(self, name: str) -> bytes | None:
        with _answering("read", name):
            found = self._get(name)
        return None if found is None else found[0]

    def _scan(self) -> list[tuple[str, bytes]]:
        with _answering("read", "*"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
            names = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
            found = ((name, self._get(name)) for name in names)
            return [(name, got[0]) for name, got in found if got is not None]

    def _edit(self, name: str, change: Callable[[bytes], bytes]) -> None:
        until = time.monotonic() + self._timeout_s
        with _answering("write", name):
            while True:
                found = self._get(name)
                if found is None or not found[0]:
                    raise UnknownFlag(name)
                raw, etag = found
                after = change(raw)
                heeds = self._heeds_conditions(name, raw)
                try:
                    self._put(name, after, {"IfMatch": etag} if heeds else {})
                except ClientError as cause:
                    if _code(cause) not in _BEATEN or time.monotonic() > until:
                        raise
                else:
                    return

    def _add(self, name: str, raw: bytes) -> bool:
        with _answering("create", name):
            if self._get(name) is not None:
                return False
            try:
                self._put(name, raw, {"IfNoneMatch": "*"})
            except ClientError as cause:
                if _code(cause) in _BEATEN:
                    return False
                if _code(cause) != "NotImplemented":
                    raise
                self._put(name, raw, {})
            return True

    def _get(self, name: str) -> tuple[bytes, str] | None:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=name)
        except ClientError as cause:
            if _code(cause) in _MISSING:
                return None
            raise
        with answer["Body"] as body:
            return body.read(), answer["ETag"]

    def _put(self, name: str, raw: bytes, condition: dict[str, str]) -> None:
        self._client.put_object(Bucket=self._bucket, Key=name, Body=raw, **condition)

    def _heeds_conditions(self, name: str, raw: bytes) -> bool:
        if self._conditional is None:
            try:
                # The same bytes again, under a condition that is false.
                self._put(name, raw, {"IfMatch": _NO_ETAG})
                self._conditional = False
            except ClientError as cause:
                if _code(cause) not in (*_BEATEN, "NotImplemented"):
                    raise
                self._conditional = _code(cause) != "NotImplemented"
            if not self._conditional:
                _log.warning(
                    "the object store ignores If-Match: another writer can undo a flip unseen",
                    bucket=self._bucket,
                )
        return self._conditional


def _code(cause: ClientError) -> str:
    return str(cause.response.get("Error", {}).get("Code", ""))


@contextmanager
def _answering(operation: str, name: str) -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError, OSError) as cause:
        raise StoreUnavailable(operation, name, cause) from cause
