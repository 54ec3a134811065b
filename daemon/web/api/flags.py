"""/api/v1/flags: what the store holds, and an operator's own writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon import history
from daemon.web.answer import answer
from daemon.web.asks import ActorGate, ByName, FlagAct, Percentage, Restored
from daemon.web.desk import current_desk
from daemon.web.problem import Refused, unknown
from daemon.web.views.flag import Flags, FlagView, SnapshotView, flag_view
from flags.model import Flag, Gates, UnknownFlag
from flags.switch import Switch

FLAGS = APIBlueprint("flags", __name__, url_prefix="/api/v1/flags", abp_tags=[Tag(name="flags")])


@FLAGS.get("", responses={200: Flags})
def list_flags() -> Response:
    """List every flag of the store."""
    desk = current_desk()
    pending = history.pending_flips(desk.journal)
    return answer(Flags(flags=tuple(flag_view(desk, f, pending) for f in desk.switch.flags())))


@FLAGS.get("/<name>", responses={200: FlagView})
def get_flag(path: ByName) -> Response:
    """Show one flag with its gates."""
    return answer(_view(path.name))


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


@FLAGS.post("/<name>/restore", responses={200: FlagView, 202: FlagView})
def restore(path: ByName, body: Restored) -> Response:
    """Replay a snapshot gate by gate."""
    return _put(path.name, body, lambda _seen: Gates.of(*body.gates))


def _flip(name: str, to: bool, body: FlagAct) -> Response:
    return _put(name, body, lambda seen: _switch().aim(name, to, seen))


def _put(name: str, body: FlagAct, wanted: Callable[[Gates], Gates]) -> Response:
    seen = _known(name).gates if body.seen is None else Gates.of(*body.seen)
    try:
        target = wanted(seen)
    except ValueError as cause:
        raise Refused(422, str(cause)) from cause
    request_id = (request.headers.get("X-Request-ID") or str(uuid4()))[:128]
    engine = current_desk().engine
    engine.put(name, target, seen, body.by, body.reason, request_id)
    view = _view(name)
    sent = answer(view, 202 if view.pending else 200)
    sent.headers["X-Request-ID"] = request_id
    return sent


def _switch() -> Switch:
    return current_desk().switch


def _known(name: str) -> Flag:
    try:
        return _switch().flag(name)
    except UnknownFlag as cause:
        raise _unknown(name) from cause


def _view(name: str) -> FlagView:
    desk = current_desk()
    return flag_view(desk, _known(name), history.pending_flips(desk.journal))


def _unknown(name: str) -> Exception:
    return unknown("flag", name, [flag.name for flag in _switch().flags()])
