"""What is checked of a request before anybody asks who sent it: Host, Origin, and the body."""

from __future__ import annotations

import ipaddress
import json
from urllib.parse import urlsplit

from flask import request

from config.schema import LOOPBACK, WebSpec
from daemon.web.problem import Refused


def check_host(spec: WebSpec) -> None:
    """Refuse a request that was meant for a host which is not ours.

    A name that an attacker makes resolve to 127.0.0.1 turns a victim's browser into a client of
    ours; only the Host header still tells.

    Raises:
        Refused: 403.
    """
    name = _host_name(request.headers.get("Host", ""))
    ours = {spec.host.lower(), *(each.lower().rstrip(".") for each in spec.allowed_hosts)}
    if name in ours or name in LOOPBACK or _is_loopback(name):
        return
    raise Refused(
        403,
        f"host {name[:100]!r} is not one of ours: use a loopback name, or add it to "
        "web.allowed_hosts",
    )


def check_origin() -> None:
    """Refuse what a page of another origin sent.

    Raises:
        Refused: 403.
    """
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


def check_body() -> None:
    """Accept JSON only: a form or text/plain body can be posted by any page without asking.

    Raises:
        Refused: 415, or 400 where it is not JSON at all.
    """
    if request.mimetype != "application/json":
        raise Refused(415, "send the body as JSON with `Content-Type: application/json`")
    try:
        json.loads(request.get_data())
    except (ValueError, RecursionError) as cause:
        where = f" ({cause})" if isinstance(cause, json.JSONDecodeError) else ""
        detail = f"the body is not JSON{where}: send an object, `{{}}` at least"
        raise Refused(400, detail) from None


def from_loopback() -> bool:
    """True where the other end of the connection is on this machine, and meant this machine.

    Behind a proxy that runs here every client comes from loopback, but asks for another name.
    """
    name = _host_name(request.headers.get("Host", ""))
    meant = name in LOOPBACK or _is_loopback(name)
    return meant and _is_loopback(request.remote_addr or "")


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
