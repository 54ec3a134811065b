"""PURE: what a bearer token is, what its role lets it do, and what it may be called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

#: As names in the configuration, and what addresses and host names are made of.
NAME = re.compile(r"[a-z][a-z0-9_.@-]{0,62}")
#: What the audit and reports say where no token's name stands: the guard itself, a drill's cron,
#: whoever wrote past us, a daemon that asks for no token, and the tokens of the configuration.
RESERVED = frozenset({"guard", "cron", "unknown", "open", "viewer", "operator", "admin"})


class Role(StrEnum):
    """Viewers read; operators also act; administrators also say who may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def may(self, needed: Role) -> bool:
        """True where this role includes the needed one."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class TokenRefused(Exception):
    """A token cannot be made or revoked: what, why, and the remedy. Nothing was changed."""


class UnknownToken(TokenRefused):
    """No token has this id or name."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token as it is kept. `id`: public, 8 characters. `used_at`: exact to a minute."""

    id: str
    name: str
    role: Role
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None

    def dead(self, now: datetime) -> str | None:
        """Say why it opens nothing at `now`, in words that follow "the token"; None: it lives."""
        if self.revoked_at is not None:
            return f"was revoked at {self.revoked_at:%Y-%m-%d %H:%M} UTC by {self.revoked_by}"
        if self.expires_at is not None and self.expires_at <= now:
            return f"expired at {self.expires_at:%Y-%m-%d %H:%M} UTC"
        return None


def check_name(name: str) -> None:
    """Accept a name that the audit cannot mistake.

    Raises:
        TokenRefused: it is none.
    """
    if not NAME.fullmatch(name):
        raise TokenRefused(
            f"name: {name[:80]!r} is no name: begin with a lower-case letter, then letters, "
            "digits, `_`, `.`, `-` or `@`, 63 in all"
        )
    if name in RESERVED:
        raise TokenRefused(f"name: {name!r} has a meaning of its own in the audit: take another")
