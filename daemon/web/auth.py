"""Who may ask what: Host and Origin first (they cost nothing), then the token, then its role."""

from __future__ import annotations

import hmac
import ipaddress
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import cast
from urllib.parse import urlsplit

from flask import Flask, g, request
from pydantic import SecretStr

from config.schema import LOOPBACK, Tokens, WebSpec
from daemon.web.desk import current_desk
from daemon.web.problem import Refused

#: Endpoints that show nothing of the site under watch, or that scrapers and balancers must reach.
#: Whatever is not named here needs a token: a forgotten route is a closed one.
OPEN = frozenset(
    {
        "page_sign_in.sign_in",
        "page_status.status",
        "static",
        "health.healthz",
        "health.readyz",
        "health.metrics",
        "health.spec",
    }
)
#: For applications, from any page's origin; they bound and check what is sent themselves.
FOR_APPLICATIONS = frozenset({"ofrep", "toggles"})
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Role(StrEnum):
    """Viewers read; operators also act; administrators also say who may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def may(self, needed: Role) -> bool:
        """True where this role includes the needed one."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `name`: the token's, for the audit. `id`: the token's public id; `open` where no
    token is needed, `config:ROLE` for one of the configuration's.
    """

    name: str
    role: Role
    id: str

    def may(self, needed: str) -> bool:
        """True where the caller's role includes the needed one."""
        return self.role.may(Role(needed))


def register(app: Flask) -> None:
    """Check every request before its view sees it."""

    @app.before_request
    def check() -> None:
        spec = current_desk().config.web
        _check_host(spec)
        if request.blueprint in FOR_APPLICATIONS:
            return
        if request.method not in _READS:
            _check_origin()
        found = request.endpoint is not None or request.path.startswith("/api/")
        if found and request.endpoint not in OPEN:
            role = g.role = _role(spec.tokens)
            opened = is_open(spec.tokens)
            g.caller = Caller(role.value, role, "open" if opened else f"config:{role}")
            if request.method not in _READS:
                _check_may_act(spec.tokens, g.role)
        if request.method == "POST":
            _check_body()


def current_caller() -> Caller | None:
    """Return who asks in the request under way; None: nobody had to say."""
    return cast("Caller | None", g.get("caller"))


def current_role() -> Role:
    """Return the role of the request under way."""
    return cast(Role, g.role)


def is_open(tokens: Tokens) -> bool:
    """True where no token is configured: loopback only, and everybody there is an operator."""
    return tokens.viewer is None and tokens.operator is None and tokens.admin is None


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
    # Behind a proxy that ends TLS the scheme here is not the browser's: take the origin's own.
    scheme = origin.partition(":")[0]
    ours = _place(f"{scheme}://{request.headers.get('Host', '')}")
    if ours is None or _place(origin) != ours:
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
    if role.may(Role.OPERATOR):
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
        detail = f"the body is not JSON{where}: send an object, `{{}}` at least"
        raise Refused(400, detail) from None


def _equal(sent: bytes, secret: SecretStr | None) -> bool:
    value = "" if secret is None else secret.get_secret_value()
    return hmac.compare_digest(sent, value.encode()) and bool(value)


def _place(origin: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(origin)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None


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
