"""Bearer tokens: made once, shown once, kept only as hashes; and who may make or revoke them.

A token is 256 random bits, so one plain hash is enough at rest: there is nothing to guess that a
slow hash would protect.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

import structlog
from sqlalchemy import Connection, insert, select, update

from daemon.audit import Signed
from daemon.bearer import Role, Token, TokenRefused, UnknownToken, check_name
from daemon.journal import Journal, JournalError
from daemon.tables import TOKENS

log = structlog.get_logger(__name__)

PREFIX = "tf_"
#: A row is written so often for a token that is used all the time.
USE_KEPT_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Kept:
    tokens: dict[str, Token]
    digests: tuple[tuple[bytes, str], ...]


class Tokens:
    """The tokens of one journal, read from memory: every request asks.

    The list is read once and after each write of this object's own. That is enough while one
    daemon has the journal, which the journal's lock sees to.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = Lock()
        self._kept: _Kept | None = None

    def list(self) -> tuple[Token, ...]:
        """Return every token ever made, newest first.

        Raises:
            JournalError: they were not read yet, and the journal cannot be; so do `get`, `find`
                and `any_kept`.
        """
        return tuple(reversed(self._all().tokens.values()))

    def get(self, id_or_name: str, now: datetime) -> Token:
        """Return the token with this id, or the newest with this name, a live one before others.

        Raises:
            UnknownToken: there is none.
        """
        return _named(self._all().tokens, id_or_name, now)

    def by_id(self, token_id: str) -> Token | None:
        """Return the token with this id, dead or alive; None: there is none."""
        return self._all().tokens.get(token_id)

    def find(self, secret: bytes) -> Token | None:
        """Return the token whose secret this is, dead or alive; None: nobody's.

        Every digest is compared, each in constant time: how long it takes tells neither which was
        near nor whether one was found.
        """
        sent = _digest(secret)
        found = None
        kept = self._all()
        for digest, token_id in kept.digests:
            if hmac.compare_digest(digest, sent):
                found = kept.tokens[token_id]
        return found

    def any_kept(self) -> bool:
        """True while a token stands that nobody revoked.

        An expired one counts: that time passes must never open a door that a person has locked.
        """
        return any(each.revoked_at is None for each in self._all().tokens.values())

    def create(
        self,
        name: str,
        role: Role,
        signed: Signed,
        now: datetime,
        *,
        expires_at: datetime | None = None,
        admin_configured: bool = False,
    ) -> tuple[Token, str]:
        """Make a token; return it and its secret, which is kept nowhere and never shown again.

        Args:
            admin_configured: the configuration has an administrator's token.

        Raises:
            TokenRefused: the name is bad or taken, the end is past, or nobody would be left who
                may make another.
            JournalError: it could not be written.
        """
        check_name(name)
        if expires_at is not None and expires_at <= now:
            raise TokenRefused(
                f"expires_at: {expires_at:%Y-%m-%d %H:%M %Z} is past: name a later one"
            )
        secret = PREFIX + secrets.token_urlsafe(32)
        with self._journal.turn() as turn:
            there = _read(turn.db).tokens
            live = [each for each in there.values() if each.dead(now) is None]
            if any(each.name == name for each in live):
                raise TokenRefused(
                    f"a live token is named {name!r}: revoke it, or take another name"
                )
            admins = admin_configured or any(each.role is Role.ADMIN for each in live)
            if role is not Role.ADMIN and not admins:
                raise TokenRefused(
                    f"the first token must be an administrator's, for a token with role {role} "
                    "could make no other: create one with role admin, or set web.tokens.admin"
                )
            token = Token(_fresh_id(there), name, role, now, signed.by, expires_at)
            turn.db.execute(
                insert(TOKENS).values(
                    id=token.id,
                    name=name,
                    role=role.value,
                    digest=_digest(secret.encode()).decode(),
                    created_at=now,
                    created_by=signed.by,
                    expires_at=expires_at,
                )
            )
            turn.sign(signed, "token-create", f"token {name}", now, after=_facts(token))
        self._forget()
        return token, secret

    def revoke(
        self,
        id_or_name: str,
        signed: Signed,
        now: datetime,
        *,
        admin_configured: bool = False,
        check: Callable[[Token], None] | None = None,
    ) -> Token:
        """End a token for good, from the next request on; one already revoked stays as it is.

        Args:
            admin_configured: the configuration has an administrator's token.
            check: told the token as it is in the transaction; what it raises, nothing is written.

        Raises:
            UnknownToken: there is none.
            TokenRefused: it is the last administrator's, and other tokens stand.
            JournalError: it could not be written.
        """
        with self._journal.turn() as turn:
            there = _read(turn.db).tokens
            token = _named(there, id_or_name, now)
            if check is not None:
                check(token)
            if token.revoked_at is not None:
                return token
            others = [
                each for each in there.values() if each.revoked_at is None and each.id != token.id
            ]
            admins = any(each.role is Role.ADMIN and not each.dead(now) for each in others)
            if token.role is Role.ADMIN and others and not admins and not admin_configured:
                raise TokenRefused(
                    f"{token.name} is the last administrator and other tokens stand, which nobody "
                    "could revoke then: revoke them first, or make another administrator"
                )
            turn.db.execute(
                update(TOKENS)
                .where(TOKENS.c.id == token.id)
                .values(revoked_at=now, revoked_by=signed.by)
            )
            turn.sign(signed, "token-revoke", f"token {token.name}", now, before=_facts(token))
        self._forget()
        return replace(token, revoked_at=now, revoked_by=signed.by)

    def used(self, token: Token, now: datetime) -> None:
        """Note that a token was used; at most one row a minute, and never an error.

        A journal that is away, with a full disk perhaps, must not lock out the person who has come
        to look why.
        """
        with self._lock:
            there = self._kept
            known = there.tokens.get(token.id) if there else None
            if there is None or known is None:
                return
            if known.used_at is not None and now - known.used_at < USE_KEPT_EVERY:
                return
            used = {**there.tokens, token.id: replace(known, used_at=now)}
            self._kept = replace(there, tokens=used)
        try:
            with self._journal.turn() as turn:
                turn.db.execute(update(TOKENS).where(TOKENS.c.id == token.id).values(used_at=now))
        except JournalError as cause:
            log.warning("last use of a token is not kept", token=token.name, why=str(cause))

    def _all(self) -> _Kept:
        kept = self._kept
        if kept is not None:
            return kept
        with self._lock:  # held while reading, so that no older list replaces a newer one
            if self._kept is None:
                with self._journal.reading() as db:
                    self._kept = _read(db)
            return self._kept

    def _forget(self) -> None:
        with self._lock:
            self._kept = None


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).hexdigest().encode()


def _named(there: dict[str, Token], id_or_name: str, now: datetime) -> Token:
    if id_or_name in there:  # an id begins with a digit, and no name does
        return there[id_or_name]
    named = [each for each in there.values() if each.name == id_or_name]
    if not named:
        raise UnknownToken(
            f"no token has the id or name {id_or_name[:80]!r}: `tripflag token list` shows all"
        )
    live = [each for each in named if each.dead(now) is None]
    return (live or named)[-1]


def _fresh_id(there: dict[str, Token]) -> str:
    while (token_id := f"{secrets.randbelow(10)}{secrets.token_hex(4)[1:]}") in there:
        pass
    return token_id


def _read(db: Connection) -> _Kept:
    rows = db.execute(select(TOKENS).order_by(TOKENS.c.created_at, TOKENS.c.id)).all()
    tokens = {
        row.id: Token(
            id=row.id,
            name=row.name,
            role=Role(row.role),
            created_at=row.created_at,
            created_by=row.created_by,
            expires_at=row.expires_at,
            used_at=row.used_at,
            revoked_at=row.revoked_at,
            revoked_by=row.revoked_by,
        )
        for row in rows
    }
    return _Kept(tokens, tuple((row.digest.encode(), row.id) for row in rows))


def _facts(token: Token) -> str:
    expires = None if token.expires_at is None else token.expires_at.isoformat()
    return json.dumps({"id": token.id, "role": token.role.value, "expires_at": expires})
