"""Being signed in: a signed cookie that names a token, and dies with it.

The cookie holds no secret: the token's public id, for one of the configuration a keyed digest of
it, and two times. Flask signs it, Flask-WTF ties the forms' CSRF tokens to it.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import cast

from flask import Flask, current_app, session
from flask_wtf.csrf import validate_csrf
from itsdangerous import Signer
from pydantic import SecretStr
from sqlalchemy import insert, select

from daemon.bearer import Role
from daemon.journal import Journal
from daemon.tables import SECRETS
from daemon.tokens import Tokens
from daemon.web.caller import Caller, current_tokens, lend_tokens
from daemon.web.desk import Desk, current_desk
from daemon.web.problem import Refused

LIFETIME = timedelta(hours=12)
IDLE = timedelta(hours=2)
#: The cookie is written anew so often while pages are read.
SEEN_EVERY = timedelta(minutes=5)
CONFIGURED = "config:"
_OUT = "tripflag_signed_out"


class NotSignedIn(Exception):
    """Nobody is signed in, or no longer; the message says why, empty for a stranger."""


def register(app: Flask, desk: Desk) -> None:
    """Give the app its sessions, and the tokens that they name.

    Raises:
        JournalError: the key that signs cookies cannot be read, or not be kept.
    """
    public_url = desk.config.web.public_url or ""
    secure = public_url.startswith("https:")
    app.secret_key = session_key(desk.journal)
    app.config.update(
        # With the prefix a browser takes the cookie over TLS only, and from no sister domain.
        SESSION_COOKIE_NAME=("__Host-" if secure else "") + "tripflag_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
        PERMANENT_SESSION_LIFETIME=LIFETIME,
        SESSION_REFRESH_EACH_REQUEST=False,
        # A form lives as long as the session: at 03:00 a page may have been open for hours.
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.extensions[_OUT] = {}
    lend_tokens(app, Tokens(desk.journal))


def sign_in(caller: Caller, now: datetime) -> None:
    """Begin a session; nothing of the one before it is left, so nobody can have planted it."""
    session.clear()
    session.permanent = True
    session["id"] = secrets.token_urlsafe(16)
    session["token"] = caller.id
    session["proof"] = _proof(caller.role) if caller.id.startswith(CONFIGURED) else ""
    session["at"] = session["seen"] = now.timestamp()


def sign_out(now: datetime) -> None:
    """End the session, for copies of its cookie too (until the daemon restarts).

    A page that was under way may write the cookie once more; it must not sign in again.
    """
    out = _signed_out()
    for ended, until in list(out.items()):
        if until < now:
            out.pop(ended, None)
    if "id" in session:
        out[session["id"]] = now + LIFETIME
    session.clear()


def signed_in(now: datetime, *, reads_a_page: bool) -> Caller:
    """Return who is signed in; the token is looked up anew each time.

    Args:
        reads_a_page: it counts as a sign of life.

    Raises:
        NotSignedIn: nobody is, or no longer.
    """
    if "token" not in session or session.get("id") in _signed_out():
        raise NotSignedIn
    caller = _caller(session["token"], now)
    at, seen = (datetime.fromtimestamp(session[each], UTC) for each in ("at", "seen"))
    if now - at >= LIFETIME:
        raise NotSignedIn(f"you were signed in for {LIFETIME.seconds // 3600} hours")
    if now - seen >= IDLE:
        raise NotSignedIn(f"nothing was read for {IDLE.seconds // 3600} hours")
    if reads_a_page and now - seen >= SEEN_EVERY:
        session["seen"] = now.timestamp()
    return caller


def check_csrf(sent: str | None) -> None:
    """Accept a write only with what a page of this session was given.

    Raises:
        Refused: 400.
    """
    try:
        validate_csrf(sent)
    except ValueError as cause:  # wtforms' ValidationError is one
        raise Refused(
            400,
            f"the form cannot be trusted ({str(cause).rstrip('.')}): reload the page, then send "
            "it again, and let this site set cookies",
        ) from None


def session_key(journal: Journal) -> str:
    """Return the key that signs cookies; made once, so that a restart signs nobody out.

    Raises:
        JournalError: it could not be read, or not be kept.
    """
    query = select(SECRETS.c.value).where(SECRETS.c.name == "session")
    with journal.reading() as db:
        kept: str | None = db.scalar(query)
    if kept is not None:
        return kept
    with journal.turn() as turn:
        kept = turn.db.scalar(query)
        if kept is None:
            kept = secrets.token_hex(32)
            turn.db.execute(insert(SECRETS).values(name="session", value=kept))
        return kept


def _caller(token_id: str, now: datetime) -> Caller:
    if token_id.startswith(CONFIGURED):
        role = Role(token_id.removeprefix(CONFIGURED))
        proof = _proof(role)
        if not proof or not hmac.compare_digest(session["proof"], proof):
            raise NotSignedIn("the token was changed in the configuration")
        return Caller(role.value, role, token_id)
    token = current_tokens().by_id(token_id)
    if token is None:
        raise NotSignedIn("the token is gone")
    if why := token.dead(now):
        raise NotSignedIn(f"the token {why}")
    current_tokens().used(token, now)
    return Caller(token.name, token.role, token.id)


def _proof(role: Role) -> str:
    # Keyed: a plain digest of a short token could be searched for by whoever reads the cookie.
    secret: SecretStr | None = getattr(current_desk().config.web.tokens, role.value)
    value = "" if secret is None else secret.get_secret_value()
    if not value:
        return ""
    key = cast(str, current_app.secret_key)
    return Signer(key, salt="tripflag-token", digest_method=sha256).get_signature(value).decode()


def _signed_out() -> dict[str, datetime]:
    return cast("dict[str, datetime]", current_app.extensions[_OUT])
