"""Who asks, and the tokens that tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app, g

from daemon.bearer import Role
from daemon.tokens import Tokens

#: WSGI environ key under which one of our own routes hands its caller on to the API. No client can
#: set it: what a client sends is named `HTTP_...` there.
HANDED = "tripflag.caller"
_TOKENS = "tripflag_tokens"


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


def current_caller() -> Caller | None:
    """Return who asks in the request under way; None: nobody had to say."""
    return cast("Caller | None", g.get("caller"))


def lend_tokens(app: Flask, tokens: Tokens) -> None:
    """Put the tokens where the app's views find them."""
    app.extensions[_TOKENS] = tokens


def current_tokens() -> Tokens:
    """Return the tokens of the app that answers the request under way."""
    return cast(Tokens, current_app.extensions[_TOKENS])
