"""/api/v1/flags: what the store holds, and an operator's own writes."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon import history
from daemon.web.answer import answer
from daemon.web.asks import ByName, Reasoned
from daemon.web.desk import current_desk
from daemon.web.flag_view import Flags, FlagView, flag_view
from daemon.web.problem import unknown
from flags.model import UnknownFlag

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
def enable(path: ByName, body: Reasoned) -> Response:
    """Turn a flag on for everybody. 202: decided, but the store has not taken it yet."""
    return _flip(path.name, True, body)


@FLAGS.post("/<name>/disable", responses={200: FlagView, 202: FlagView})
def disable(path: ByName, body: Reasoned) -> Response:
    """Turn a flag off for everybody. 202: decided, but the store has not taken it yet."""
    return _flip(path.name, False, body)


def _flip(name: str, to: bool, body: Reasoned) -> Response:
    try:
        current_desk().engine.flip(name, to, body.by, body.reason)
    except UnknownFlag as cause:
        raise _unknown(name) from cause
    view = _view(name)
    return answer(view, 202 if view.pending else 200)


def _view(name: str) -> FlagView:
    desk = current_desk()
    try:
        flag = desk.switch.flag(name)
    except UnknownFlag as cause:
        raise _unknown(name) from cause
    return flag_view(desk, flag, history.pending_flips(desk.journal))


def _unknown(name: str) -> Exception:
    return unknown("flag", name, [flag.name for flag in current_desk().switch.flags()])
