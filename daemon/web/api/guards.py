"""/api/v1/guards: what each guard thinks, and what operators may do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from daemon import history
from daemon.engine import utc_now
from daemon.guard.messages import OperatorAsked
from daemon.modes import ModeRefused
from daemon.web.acting import expect, signed, tagged
from daemon.web.answer import answer
from daemon.web.asks import ByName, Held, ModeAct, Reasoned
from daemon.web.desk import Desk, current_desk
from daemon.web.problem import Refused
from daemon.web.views.guard import (
    GuardDetail,
    Guards,
    GuardView,
    etag_of_guard,
    guard_etag,
    guard_view,
    spec_of,
)

GUARDS = APIBlueprint(
    "guards", __name__, url_prefix="/api/v1/guards", abp_tags=[Tag(name="guards")]
)


@GUARDS.get("", responses={200: Guards})
def list_guards() -> Response:
    """List every guard."""
    desk = current_desk()
    return answer(Guards(guards=tuple(guard_view(desk, name) for name in desk.config.guards)))


@GUARDS.get("/<name>", responses={200: GuardDetail})
def get_guard(path: ByName) -> Response:
    """Show one guard, with its newest lines."""
    desk = current_desk()
    etag = guard_etag(desk, path.name)  # first: what is shown may be newer than it, and never older
    view = guard_view(desk, path.name)
    lines = history.timeline(desk.journal, path.name)
    return tagged(answer(GuardDetail(**dict(view), timeline=lines), longest=None), etag)


@GUARDS.post("/<name>/trip", responses={200: GuardView})
def trip(path: ByName, body: Reasoned) -> Response:
    """Do the guard's act now, at your word."""
    return _ask(path.name, "trip", body)


@GUARDS.post("/<name>/reset", responses={200: GuardView})
def reset(path: ByName, body: Reasoned) -> Response:
    """Put back exactly the gates that the guard's last trip found: users are exposed again."""
    return _ask(path.name, "reset", body)


@GUARDS.post("/<name>/hold", responses={200: GuardView})
def hold(path: ByName, body: Held) -> Response:
    """Keep the guard's hands off, for a while or until released."""
    return _ask(path.name, "hold", body)


@GUARDS.post("/<name>/release", responses={200: GuardView})
def release(path: ByName, body: Reasoned) -> Response:
    """End a hold."""
    return _ask(path.name, "release", body)


@GUARDS.post("/<name>/mode", responses={200: GuardView})
def set_mode(path: ByName, body: ModeAct) -> Response:
    """Let a guard only observe, or act, over what the configuration says; kept over restarts."""
    desk = current_desk()
    spec_of(desk, path.name)
    check = expect(f"guard {path.name}", etag_of_guard)
    try:
        desk.engine.set_mode(path.name, body.mode, signed(body), check)
    except ModeRefused as cause:
        raise Refused(409, str(cause)) from cause
    return _shown(desk, path.name)


def _ask(name: str, verb: Literal["trip", "reset", "hold", "release"], body: Reasoned) -> Response:
    desk = current_desk()
    spec_of(desk, name)
    until = None
    if isinstance(body, Held) and body.for_s is not None:
        until = utc_now() + timedelta(seconds=body.for_s)
    sign = signed(body)
    asked = OperatorAsked(verb, sign.by, sign.reason, until)
    desk.engine.ask(name, asked, sign.request_id, expect(f"guard {name}", etag_of_guard))
    return _shown(desk, name)


def _shown(desk: Desk, name: str) -> Response:
    etag = guard_etag(desk, name)
    return tagged(answer(guard_view(desk, name)), etag)
