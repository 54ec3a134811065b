"""/api/v1/flags: what the store holds, and an operator's own writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon import history
from daemon.flag_writes import WRITES
from daemon.web.acting import Overtaken, expect, signed, tagged
from daemon.web.answer import answer
from daemon.web.asks import ActorGate, Ask, ByName, FlagAct, Limit, Percentage, Restored
from daemon.web.desk import current_desk
from daemon.web.paging import CURSOR, RowCursor, Within, page_of
from daemon.web.problem import Refused, unknown
from daemon.web.views.flag import (
    FlagHistory,
    Flags,
    FlagView,
    Snapshots,
    SnapshotView,
    flag_etag,
    flag_view,
    flag_write,
    kept_view,
)
from flags.model import Flag, FlagChanged, Gates, UnknownFlag
from flags.switch import Switch

FLAGS = APIBlueprint("flags", __name__, url_prefix="/api/v1/flags", abp_tags=[Tag(name="flags")])


class FlagPageQuery(Within):
    cursor: RowCursor | None = CURSOR


class SnapshotQuery(Ask):
    limit: Limit = 50
    cursor: RowCursor | None = CURSOR


@FLAGS.get("", responses={200: Flags})
def list_flags() -> Response:
    """List every flag of the store."""
    desk = current_desk()
    pending = history.pending_flips(desk.journal)
    return answer(Flags(flags=tuple(flag_view(desk, f, pending) for f in desk.switch.flags())))


@FLAGS.get("/<name>", responses={200: FlagView})
def get_flag(path: ByName) -> Response:
    """Show one flag with its gates."""
    found, view = _view(path.name)
    return tagged(answer(view), flag_etag(found))


@FLAGS.post("/<name>/enable", responses={200: FlagView, 202: FlagView})
def enable(path: ByName, body: FlagAct) -> Response:
    """Turn a flag on for everybody. 202: decided, but the store has not taken it yet."""
    return _flip(path.name, True, body)


@FLAGS.post("/<name>/disable", responses={200: FlagView, 202: FlagView})
def disable(path: ByName, body: FlagAct) -> Response:
    """Turn a flag off for everybody. 202: decided, but the store has not taken it yet."""
    return _flip(path.name, False, body)


@FLAGS.post("/<name>/percentage", responses={200: FlagView, 202: FlagView})
def percentage(path: ByName, body: Percentage) -> Response:
    """Expose a percentage of actors, in place of everybody or nobody."""
    return _put(path.name, body, lambda seen: _switch().with_percentage(seen, body.percentage))


@FLAGS.post("/<name>/actors", responses={200: FlagView, 202: FlagView})
def actors(path: ByName, body: ActorGate) -> Response:
    """Expose one actor, or no longer."""
    add = body.present
    return _put(path.name, body, lambda seen: _switch().with_actor(seen, body.actor, present=add))


@FLAGS.get("/<name>/snapshot", responses={200: SnapshotView})
def snapshot(path: ByName) -> Response:
    """Return the flag's exact gates; `restore` takes them back."""
    taken = _switch().snapshot(_known(path.name).name, datetime.now(UTC))
    return answer(SnapshotView(flag=taken.flag, gates=taken.gates.rows, taken_at=taken.taken_at))


@FLAGS.get("/<name>/history", responses={200: FlagHistory})
def flag_history(path: ByName, query: FlagPageQuery) -> Response:
    """List what was written to a flag, by us or past us, newest first."""
    found = list(
        history.audit(
            current_desk().journal,
            flag=_known(path.name).name,
            actions=WRITES,
            since=query.since,
            until=query.until,
            before=query.cursor,
            newest_first=True,
            limit=query.limit + 1,
        )
    )
    page, rest = page_of(found, query.limit, lambda entry: entry.id)
    return answer(FlagHistory(writes=tuple(flag_write(entry) for entry in page), next=rest))


@FLAGS.get("/<name>/snapshots", responses={200: Snapshots})
def flag_snapshots(path: ByName, query: SnapshotQuery) -> Response:
    """List a flag's exact gates before each of our writes, newest first; `restore` takes them."""
    found = history.snapshots(
        current_desk().journal,
        _known(path.name).name,
        before=query.cursor,
        limit=query.limit + 1,
    )
    page, rest = page_of(found, query.limit, lambda kept: kept.id)
    # Whole gates: shortened ones could not be restored.
    views = tuple(kept_view(kept) for kept in page)
    return answer(Snapshots(snapshots=views, next=rest), longest=None)


@FLAGS.post("/<name>/restore", responses={200: FlagView, 202: FlagView})
def restore(path: ByName, body: Restored) -> Response:
    """Replay a snapshot gate by gate."""
    return _put(path.name, body, lambda _seen: Gates.of(*body.gates))


def _flip(name: str, to: bool, body: FlagAct) -> Response:
    return _put(name, body, lambda seen: _switch().aim(name, to, seen))


def _put(name: str, body: FlagAct, wanted: Callable[[Gates], Gates]) -> Response:
    flag = _known(name)
    check = expect(f"flag {name}", flag_etag)
    if check is not None:
        check(flag)
    seen = flag.gates if body.seen is None else Gates.of(*body.seen)
    try:
        target = wanted(seen)
    except ValueError as cause:
        raise Refused(422, str(cause)) from cause
    sign = signed(body)
    engine = current_desk().engine
    try:
        exact = check is not None
        engine.put(name, target, seen, sign.by, sign.reason, sign.request_id, exact=exact)
    except FlagChanged as cause:
        if check is None:
            raise
        # Between our look and our write: to whoever sent If-Match it is the same.
        raise Overtaken(f"flag {name}", flag_etag(_known(name))) from cause
    found, view = _view(name)
    return tagged(answer(view, 202 if view.pending else 200), flag_etag(found))


def _switch() -> Switch:
    return current_desk().switch


def _known(name: str) -> Flag:
    try:
        return _switch().flag(name)
    except UnknownFlag as cause:
        raise _unknown(name) from cause


def _view(name: str) -> tuple[Flag, FlagView]:
    desk, found = current_desk(), _known(name)
    return found, flag_view(desk, found, history.pending_flips(desk.journal))


def _unknown(name: str) -> Exception:
    return unknown("flag", name, [flag.name for flag in _switch().flags()])
