"""Who may do what: Host and Origin first (they cost nothing), then the token, then its role."""

from __future__ import annotations

import hmac
from typing import cast
from urllib.parse import urlencode

import structlog
from flask import Flask, current_app, flash, g, redirect, request, session
from pydantic import SecretStr
from werkzeug.wrappers import Response as WerkzeugResponse

from config.schema import Tokens as Configured
from daemon.bearer import Role
from daemon.engine import utc_now
from daemon.web import door
from daemon.web.attempts import Attempts
from daemon.web.caller import HANDED, Caller, current_caller, current_tokens
from daemon.web.desk import current_desk
from daemon.web.place import here
from daemon.web.problem import Refused
from daemon.web.session import CONFIGURED, NotSignedIn, check_csrf, signed_in

__all__ = ["Caller", "Role", "current_caller", "current_role", "is_open", "register", "still_may"]

log = structlog.get_logger(__name__)

#: Endpoints that show nothing of the site under watch, or that scrapers and balancers must reach.
#: Whatever is not named here needs a token: a forgotten route is a closed one.
OPEN = frozenset(
    {
        "page_sign_in.sign_in",
        "page_status.status",
        "page_api.problem_kind",
        "static",
        "assets.package",
        "health.healthz",
        "health.readyz",
        "health.metrics",
        "health.spec",
    }
)
#: For applications, from any page's origin; they bound and check what is sent themselves.
FOR_APPLICATIONS = frozenset({"ofrep", "toggles"})
READS = frozenset({"GET", "HEAD", "OPTIONS"})
_BODIES = frozenset({"POST", "PUT", "PATCH"})
#: Says the same on a page that keeps what was typed.
_CHECKS_ITS_FORM = "page_acts.act"

_DESK = (
    *("audit", "circuits", "config", "drills", "events", "explain", "flags", "flips", "guards"),
    *("incidents", "overview", "probes", "runs", "timeline"),
    *("page_acts", "page_api", "page_audit", "page_circuits", "page_drills", "page_flag"),
    *("page_guard", "page_incident", "page_overview", "page_probe", "page_run", "page_settings"),
    "page_status",
)
#: What reading and acting need, by blueprint. Who adds one says here who may; until then only
#: administrators do.
NEEDED: dict[str, tuple[Role, Role]] = {
    **dict.fromkeys(_DESK, (Role.VIEWER, Role.OPERATOR)),
    "page_sign_in": (Role.VIEWER, Role.VIEWER),  # to sign out
    "page_token": (Role.ADMIN, Role.ADMIN),
    "tokens": (Role.ADMIN, Role.ADMIN),
}

ANYBODY = Caller("open", Role.ADMIN, "open")
_ATTEMPTS = "tripflag_attempts"
_REALM = 'Bearer realm="tripflag"'


def register(app: Flask) -> None:
    """Check every request before its view sees it."""
    app.extensions[_ATTEMPTS] = Attempts()

    @app.before_request
    def check() -> WerkzeugResponse | None:
        handed = isinstance(request.environ.get(HANDED), Caller)
        if not handed:  # else the page's own request was checked
            door.check_host(current_desk().config.web)
        if request.blueprint in FOR_APPLICATIONS:
            return None
        acts = request.method not in READS
        if acts and not handed:
            door.check_origin()
        found = request.endpoint is not None or request.path.startswith("/api/")
        if found and request.endpoint not in OPEN:
            try:
                caller = _caller()
            except NotSignedIn as cause:
                return _stranger(str(cause))
            g.caller, g.role = caller, caller.role
            _check_role(caller)
        # Pages' forms carry a CSRF token instead.
        if request.method in _BODIES and request.url_rule is not None and not _is_page():
            door.check_body()
        return None


def current_role() -> Role:
    """Return the role of the request under way."""
    return cast(Role, g.role)


def is_open(configured: Configured) -> bool:
    """True where no token stands, in the configuration or in the journal: everybody on this
    machine is an administrator then.

    Raises:
        JournalError: none is configured, and the journal cannot be read.
    """
    there = (configured.viewer, configured.operator, configured.admin)
    return all(each is None for each in there) and not current_tokens().any_kept()


def caller_of(secret: bytes) -> Caller:
    """Return whose token this is.

    Wrong ones are counted by address and logged, never with the token. A token that was revoked or
    has expired is no guess and is not counted: a forgotten script must not shut its users out. One
    that we made is let in from an address that is shut out too: 256 random bits are not guessed,
    and behind a proxy whoever sends rubbish would else lock out who has come to stop a kill.

    Raises:
        Refused: 401, or 429 after too many wrong ones.
    """
    address, attempts = request.remote_addr or "", cast(Attempts, current_app.extensions[_ATTEMPTS])
    token, now = current_tokens().find(secret), utc_now()
    if token is not None and token.dead(now) is None:
        current_tokens().used(token, now)
        return Caller(token.name, token.role, token.id)
    attempts.check(address)
    if role := _configured(secret):
        return Caller(role.value, role, CONFIGURED + role.value)
    if token is None:
        attempts.failed(address)
        log.warning("a token was refused", address=address, why="nobody has it")
        raise _refused(
            "the token is not known here: check it for missing characters, or ask an administrator "
            "for one; one that changed in web.tokens needs a restart"
        )
    why = token.dead(now)
    log.warning("a token was refused", address=address, token=token.name, why=why)
    raise _refused(f"the token {why}: ask an administrator for another")


def still_may(caller: Caller) -> bool:
    """True while the caller's token lives: for answers that go on for long, such as events."""
    configured = current_desk().config.web.tokens
    if caller.id == ANYBODY.id:
        return is_open(configured)
    if caller.id.startswith(CONFIGURED):
        return getattr(configured, caller.role.value) is not None
    token = current_tokens().by_id(caller.id)
    return token is not None and token.dead(utc_now()) is None


def _caller() -> Caller:
    handed = request.environ.get(HANDED)
    if isinstance(handed, Caller):
        return handed
    if is_open(current_desk().config.web.tokens):
        if not door.from_loopback():
            raise _refused(
                "without any token this daemon serves its own machine only: make one there with "
                "`tripflag token create NAME --role admin`"
            )
        _check_form(by_cookie=False)
        return ANYBODY
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and sent.strip():
        # WSGI hands headers over as Latin-1; the bytes are what was sent.
        return caller_of(sent.strip().encode("latin-1", "replace"))
    caller = signed_in(utc_now(), reads_a_page=_is_page())
    _check_form(by_cookie=True)
    return caller


def _check_form(*, by_cookie: bool) -> None:
    """Refuse a write that a page of another site could have made a browser send.

    A cookie goes along by itself, so the API then wants a form's token too, in a header.
    """
    if request.method in READS or request.endpoint == _CHECKS_ITS_FORM:
        return
    if _is_page():
        check_csrf(request.form.get("csrf_token") or request.headers.get("X-CSRF-Token"))
    elif by_cookie:
        check_csrf(request.headers.get("X-CSRF-Token"))


def _stranger(why: str) -> WerkzeugResponse:
    if not _is_page():
        said = f"you are signed in no longer ({why})" if why else "a token is needed"
        raise _refused(
            f"{said}: send `Authorization: Bearer TOKEN`; `tripflag token create` makes one", ""
        )
    session.clear()
    if why:
        flash(f"You are signed in no longer: {why}.")
    after = here() if request.method in READS else "/"
    return redirect(f"/sign-in?{urlencode({'next': after})}", 303)


def _check_role(caller: Caller) -> None:
    reading, acting = NEEDED.get(request.blueprint or "", (Role.ADMIN, Role.ADMIN))
    if request.endpoint is None:  # nothing is there to be read or done
        reading = acting = Role.VIEWER
    needed = reading if request.method in READS else acting
    if caller.may(needed):
        return
    may = "only read" if caller.role is Role.VIEWER else "read and act, but not this"
    raise Refused(
        403,
        f"the token {caller.name!r} is of a {caller.role}, who may {may}: this needs one of "
        f"role {needed}; whoever has an administrator's makes it with `tripflag token create`",
    )


def _configured(secret: bytes) -> Role | None:
    tokens = current_desk().config.web.tokens
    # All are compared always, so that the time taken does not tell which of them was near.
    equal = {role: _equal(secret, getattr(tokens, role.value)) for role in reversed(Role)}
    return next((role for role, it_is in equal.items() if it_is), None)


def _equal(sent: bytes, secret: SecretStr | None) -> bool:
    value = "" if secret is None else secret.get_secret_value()
    return hmac.compare_digest(sent, value.encode()) and bool(value)


def _refused(detail: str, error: str = ', error="invalid_token"') -> Refused:
    return Refused(401, detail, {"WWW-Authenticate": _REALM + error})


def _is_page() -> bool:
    return (request.blueprint or "").startswith("page_")
