"""flipper-client's Redis keys as a flag store: `<base_key>/<name>` holds an item."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError, WatchError
from redis.retry import Retry

from flags.items import BrokenItem
from flags.model import FlagError, StoreUnavailable, UnknownFlag
from flags.stores.client.base import ClientFlagStore

_BATCH = 100


class RedisFlagStore(ClientFlagStore):
    """Flags in a Redis that applications share by flipper-client.

    Raises:
        FlagError: the URL is none; it is never in the message.
    """

    def __init__(self, url: str, base_key: str = "features", timeout_s: float = 5) -> None:
        super().__init__()
        try:
            pool = ConnectionPool.from_url(url)
        except (ValueError, TypeError):
            # Its text can hold a part of the URL that was meant as the password.
            raise FlagError(
                "cannot use store.url: write it as redis://user:password@host:port/db"
            ) from None
        # Over what the URL's own query says: an application's options must not unbound us, and
        # decoded answers would break reading.
        pool.connection_kwargs |= {
            "socket_timeout": timeout_s,
            "socket_connect_timeout": timeout_s,
            "retry": Retry(NoBackoff(), 0),
            "retry_on_timeout": False,
            "decode_responses": False,
            "client_name": "tripflag",
        }
        self._redis = Redis(connection_pool=pool)
        self._prefix = f"{base_key}/"
        self._timeout_s = timeout_s

    def close(self) -> None:
        """Close every connection."""
        self._redis.connection_pool.disconnect()

    def _read(self, name: str) -> bytes | None:
        with _answering("read", name):
            raw: bytes | None = self._redis.get(self._prefix + name)
        return raw

    def _scan(self) -> list[tuple[str, bytes]]:
        pattern = "".join(f"\\{char}" if char in "*?[]\\^" else char for char in self._prefix) + "*"
        with _answering("read", "*"):
            keys = iter(sorted(set(self._redis.scan_iter(match=pattern, count=_BATCH))))
            found: list[tuple[str, bytes]] = []
            while batch := list(islice(keys, _BATCH)):
                for key, raw in zip(batch, self._redis.mget(batch), strict=True):
                    # None: deleted since, or no string at all.
                    if raw or (raw is None and self._redis.type(key) != b"none"):
                        name = key.decode(errors="replace").removeprefix(self._prefix)
                        found.append((name, raw or b"null"))
            return found

    def _edit(self, name: str, change: Callable[[bytes], bytes]) -> None:
        key, until = self._prefix + name, time.monotonic() + self._timeout_s
        with _answering("write", name), self._redis.pipeline() as line:
            while True:
                line.watch(key)
                raw = line.get(key)
                if not raw:
                    raise UnknownFlag(name)
                after = change(raw)
                line.multi()
                line.set(key, after)
                try:
                    line.execute()
                except WatchError:
                    if time.monotonic() > until:
                        raise
                else:
                    return

    def _add(self, name: str, raw: bytes) -> bool:
        with _answering("create", name):
            return bool(self._redis.set(self._prefix + name, raw, nx=True))


@contextmanager
def _answering(operation: str, name: str) -> Iterator[Any]:
    try:
        yield
    except ResponseError as cause:
        if str(cause).startswith("WRONGTYPE"):
            raise BrokenItem(name, "its key holds no string") from None
        raise StoreUnavailable(operation, name, cause) from cause
    except (RedisError, OSError) as cause:
        raise StoreUnavailable(operation, name, cause) from cause
