"""What else the application's own write would do: forget caches, and tell its audit table.

Sources: flippercloud/flipper, `adapters/active_support_cache_store.rb` and
`adapters/cache_base.rb` (keys); department-of-veterans-affairs/vets-api,
`lib/flipper/instrumentation/event_subscriber.rb` (audit rows).
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import redis
import structlog
from redis.exceptions import RedisError
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    insert,
    inspect,
    select,
)
from sqlalchemy.exc import DBAPIError

from config.schema import AfterWrite
from flags.gates import BOOLEAN, PERCENTAGE_OF_ACTORS, PERCENTAGE_OF_TIME, truthy
from flags.model import FlagError, Gates

#: A kill is in the database before the cache is told, and must not wait long for a sick Redis.
_REDIS_TIMEOUT_S = 1.0
WRITER = "tripflag"

_log = structlog.get_logger()

_EVENTS = Table(
    "feature_toggle_events",
    MetaData(),
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("feature_name", String),
    Column("operation", String),
    Column("gate_name", String),
    Column("value", String),
    Column("user", String),
    Column("created_at", DateTime, nullable=False),
    Column("updated_at", DateTime, nullable=False),
)

#: Ruby's name of a gate, where it is not its key.
_GATE_NAMES = {"actors": "actor", "groups": "group"}


class AfterWriter:
    """Follows a store's writes as configured. Any thread may call it.

    A cache that cannot be told never loses the write: it is logged, `cache_problem` says so until
    all keys are deleted, and the keys are tried again with the next write or whole read.

    Raises:
        FlagError: `redis_url` is none; it is never in the message.
    """

    def __init__(self, spec: AfterWrite, timeout_s: float) -> None:
        self._spec = spec
        self._lock = threading.Lock()
        self._owed: set[str] = set()
        self._again: set[str] = set()
        self.cache_problem: str | None = None
        self.event_problem: str | None = None
        self._redis: Any = None
        if spec.redis_url is not None:
            limit_s = min(timeout_s, _REDIS_TIMEOUT_S)
            try:
                self._redis = redis.Redis.from_url(
                    spec.redis_url, socket_timeout=limit_s, socket_connect_timeout=limit_s
                )
            except ValueError:
                # Its text can hold a part of the URL that was meant as the password.
                raise FlagError(
                    "cannot use after_write.redis_url: write it as redis://user:password@host/0"
                ) from None

    def note(
        self, connection: Connection, feature: str, before: Gates, after: Gates, now: datetime
    ) -> None:
        """Add the audit rows that Ruby would have added, in the transaction of the write.

        Without the option, without the table, or without a change there is none. A table that
        refuses the rows does not stop the write: it is logged, and `event_problem` says so.
        """
        if before == after or not self._told(connection):
            return
        rows = [
            {
                "feature_name": feature,
                "operation": operation,
                "gate_name": gate,
                "value": value,
                "user": WRITER,
                "created_at": now,
                "updated_at": now,
            }
            for operation, gate, value in operations(before, after)
        ]
        try:
            with connection.begin_nested():
                connection.execute(insert(_EVENTS), rows)
            self.event_problem = None
        except DBAPIError as cause:
            if cause.connection_invalidated:
                raise
            self.event_problem = f"no FeatureToggleEvent of {feature!r}: {_first_line(cause.orig)}"
            _log.warning("toggle_event_not_written", flag=feature, cause=_first_line(cause.orig))

    def forget(self, feature: str) -> None:
        """Delete the cached values of a flag, after the commit; never raises for a sick Redis."""
        if self._redis is None:
            return
        with self._lock:
            keys = self._keys(feature)
            self._owed.update(keys)
            # Once more at the next poll: an application that read the database before our commit
            # may fill its cache with the old value after this.
            if self._delete(feature):
                self._again.update(keys)

    def catch_up(self) -> None:
        """Delete what is still owed, and once more what was deleted after the last writes."""
        with self._lock:
            if self._redis is not None and (self._owed or self._again):
                self._owed |= self._again
                self._again.clear()
                self._delete("*")

    def _delete(self, feature: str) -> bool:
        """Delete what is owed; False where Redis did not."""
        try:
            self._redis.delete(*sorted(self._owed))
        except (RedisError, OSError) as cause:
            if self.cache_problem is None:
                _log.warning("flag_cache_not_forgotten", flag=feature, cause=_first_line(cause))
            self.cache_problem = (
                f"cannot delete the cached {feature!r} in Redis: {_first_line(cause)}. Users "
                "may see the old value until it expires there"
            )
            return False
        self._owed.clear()
        self.cache_problem = None
        return True

    def last_writer(self, connection: Connection, feature: str) -> str | None:
        """Return the user of the newest audit row, where there is one."""
        if not self._told(connection):
            return None
        newest = select(_EVENTS.c.user).where(_EVENTS.c.feature_name == feature)
        user = connection.scalar(newest.order_by(_EVENTS.c.id.desc()).limit(1))
        return None if user is None else str(user)

    def close(self) -> None:
        """Close every connection to Redis."""
        if self._redis is not None:
            self._redis.connection_pool.disconnect()

    def _told(self, connection: Connection) -> bool:
        return self._spec.toggle_event and inspect(connection).has_table(_EVENTS.name)

    def _keys(self, feature: str) -> tuple[str, ...]:
        cache = f"{self._spec.key_prefix}flipper/v1"
        more = (key.replace("{flag}", feature) for key in self._spec.more_keys)
        return (f"{cache}/feature/{feature}", f"{cache}/get_all", *more)


def operations(before: Gates, after: Gates) -> tuple[tuple[str, str, str], ...]:
    """List (operation, gate name, value) with which Ruby comes from some gates to others."""
    if not after.rows:
        return (("disable", BOOLEAN, "false"),)
    kept = before.rows
    found: list[tuple[str, str, str]] = []
    on = any(truthy(value) for value in after.values(BOOLEAN))
    if before.values(BOOLEAN) and not on:
        kept = ()  # Ruby's only way to take a boolean away takes everything away
        found.append(("disable", BOOLEAN, "false"))
    elif on and not before.values(BOOLEAN):
        kept = ()
        found.append(("enable", BOOLEAN, "true"))
    for key, value in kept:
        if (key, value) not in after.rows and key != BOOLEAN:
            gone = key in (PERCENTAGE_OF_ACTORS, PERCENTAGE_OF_TIME)
            if not (gone and after.values(key)):
                found.append(("disable", _GATE_NAMES.get(key, key), "0" if gone else value))
    for key, value in after.rows:
        if (key, value) not in kept and key != BOOLEAN:
            found.append(("enable", _GATE_NAMES.get(key, key), value))
    return tuple(found)


def _first_line(cause: BaseException | None) -> str:
    text = str(cause).splitlines()[0][:200] if str(cause) else ""
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__
