"""Who may ask what: Host and Origin first (they cost nothing), then the token, then its role."""

from __future__ import annotations

import hmac
import ipaddress
import json
from enum import StrEnum
from typing import cast
from urllib.parse import urlsplit

from flask import Flask, g, request

from config.schema import LOOPBACK, Tokens, WebSpec
from daemon.web.desk import current_desk
from daemon.web.problem import Refused

API = "/api/"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Role(StrEnum):
    """Viewers read; operators also act."""

    VIEWER = "viewer"
    OPERATOR = "operator"


def register(app: Flask) -> None:
    """Check every request before its view sees it."""

    @app.before_request
    def check() -> None:
        spec = current_desk().config.web
        _check_host(spec)
        if request.method not in _READS:
            _check_origin()
        if request.path.startswith(API):
            g.role = _role(spec.tokens)
            if request.method not in _READS:
                _check_may_act(spec.tokens, g.role)
        if request.method == "POST":
            _check_body()


def current_role() -> Role:
    """Return the role of the request under way."""
    return cast(Role, g.role)


def is_open(tokens: Tokens) -> bool:
    """True where no token is configured: loopback only, and everybody there is an operator."""
    return tokens.viewer is None and tokens.operator is None


def _check_host(spec: WebSpec) -> None:
    # A name that an attacker makes resolve to 127.0.0.1 turns a victim's browser into a client of
    # ours; only the Host header still tells.
    name = _host_name(request.headers.get("Host", ""))
    ours = {spec.host.lower(), *(each.lower().rstrip(".") for each in spec.allowed_hosts)}
    if name in ours or name in LOOPBACK or _is_loopback(name):
        return
    raise Refused(
        403,
        f"host {name[:100]!r} is not one of ours: use a loopback name, or add it to "
        "web.allowed_hosts",
    )


def _check_origin() -> None:
    origin = request.headers.get("Origin")
    if origin is None:  # not a browser; those send it with every POST
        return
    if urlsplit(origin).netloc.lower() != request.headers.get("Host", "").lower():
        raise Refused(
            403,
            "this request comes from a page of another origin: send it from the dashboard itself, "
            "and let a proxy in front keep the Host header",
        )


def _role(tokens: Tokens) -> Role:
    if is_open(tokens):
        return Role.OPERATOR
    header = request.headers.get("Authorization", "")
    scheme, _, sent = header.partition(" ")
    if scheme.lower() != "bearer" or not sent.strip():
        raise Refused(
            401,
            "a token is needed: send `Authorization: Bearer TOKEN` with one of web.tokens",
            {"WWW-Authenticate": 'Bearer realm="tripflag"'},
        )
    # WSGI hands headers over as Latin-1; the bytes are what was sent.
    token = sent.strip().encode("latin-1", "replace")
    # Both are compared always, so that the time taken does not tell which of them was near.
    operator, viewer = _equal(token, tokens.operator), _equal(token, tokens.viewer)
    if operator:
        return Role.OPERATOR
    if viewer:
        return Role.VIEWER
    raise Refused(
        401,
        "the token is not known here: check it against web.tokens; a rotated one needs a restart",
        {"WWW-Authenticate": 'Bearer realm="tripflag", error="invalid_token"'},
    )


def _check_may_act(tokens: Tokens, role: Role) -> None:
    if role is Role.OPERATOR:
        return
    remedy = (
        "no operator token is configured: set web.tokens.operator"
        if tokens.operator is None
        else "use the operator token"
    )
    raise Refused(403, f"the viewer token may only read: {remedy}")


def _check_body() -> None:
    # A form or text/plain body can be posted by any page without asking; JSON cannot.
    if request.mimetype != "application/json":
        raise Refused(415, "send the body as JSON with `Content-Type: application/json`")
    try:
        json.loads(request.get_data())
    except (ValueError, RecursionError) as cause:
        where = f" ({cause})" if isinstance(cause, json.JSONDecodeError) else ""
        raise Refused(400, f"the body is not JSON{where}: send an object, `{{}}` at least") from None


def _equal(sent: bytes, secret: object) -> bool:
    value = secret.get_secret_value() if hasattr(secret, "get_secret_value") else ""
    return hmac.compare_digest(sent, value.encode()) and bool(value)


def _host_name(header: str) -> str:
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
