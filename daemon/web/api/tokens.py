"""/api/v1/tokens: who may read and act here. For administrators."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import AfterValidator, Field, WithJsonSchema

from daemon.bearer import NAME, Role, Token, TokenRefused, UnknownToken, check_name
from daemon.engine import utc_now
from daemon.web import idempotency
from daemon.web.acting import etag_of, expect, signed, tagged
from daemon.web.answer import View, answer
from daemon.web.asks import Ask, ById, Person, Reason, Reasoned
from daemon.web.caller import current_tokens
from daemon.web.desk import current_desk
from daemon.web.problem import Refused

TOKENS = APIBlueprint(
    "tokens", __name__, url_prefix="/api/v1/tokens", abp_tags=[Tag(name="tokens")]
)


def _a_name(value: str) -> str:
    try:
        check_name(value)
    except TokenRefused as cause:
        raise ValueError(str(cause).removeprefix("name: ")) from None
    return value


class NewToken(Ask):
    """What a token is to be."""

    name: Annotated[
        str,
        AfterValidator(_a_name),
        WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"}),
        Field(description="Whose or what for; the audit says it. Unique among live tokens."),
    ]
    role: Role
    expires_days: Annotated[float, Field(gt=0, le=3650, allow_inf_nan=False)] | None = Field(
        None, description="Omitted: it lives until it is revoked."
    )
    reason: Reason | None = Field(None, description="One sentence: why.")
    by: Annotated[Person, Field(description="Who asks, for the audit.")] = "operator"


class TokenView(View):
    """`id`: public. `used_at`: exact to a minute. `live`: it opens something now."""

    id: str
    name: str
    role: Role
    live: bool
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None


class TokensView(View):
    tokens: tuple[TokenView, ...]


class NewTokenView(TokenView):
    """`secret`: shown in this answer alone; nobody, the daemon included, can show it again."""

    secret: str


@TOKENS.get("", responses={200: TokensView})
def list_tokens() -> Response:
    """List every token ever made, newest first."""
    return answer(TokensView(tokens=tuple(view_of(each) for each in current_tokens().list())))


@TOKENS.get("/<id>", responses={200: TokenView})
def get_token(path: ById) -> Response:
    """Show one token, by its id or its name."""
    try:
        token = current_tokens().get(path.id, utc_now())
    except UnknownToken as cause:
        raise Refused(404, str(cause)) from None
    return tagged(answer(view_of(token)), token_etag(token))


@TOKENS.post("", responses={201: NewTokenView})
def create_token(body: NewToken) -> Response:
    """Make a token. Its secret is in this answer and nowhere else: an answer that was lost is lost,
    even under an Idempotency-Key; revoke that token and make another.
    """
    token, secret = create(body)
    # Answers under an Idempotency-Key are kept for a day, in the clear; this one holds a secret.
    idempotency.keep_no_answer()
    sent = answer(NewTokenView(**view_of(token).model_dump(), secret=secret), 201)
    sent.headers["Location"] = f"/api/v1/tokens/{token.id}"
    sent.headers["ETag"] = token_etag(token)
    return sent


@TOKENS.delete("/<id>", responses={200: TokenView})
def revoke_token(path: ById, body: Reasoned) -> Response:
    """End a token for good, by its id or its name: its sessions too, from the next request on."""
    check = expect(f"token {path.id}", token_etag)
    configured = current_desk().config.web.tokens.admin is not None
    try:
        token = current_tokens().revoke(
            path.id, signed(body), utc_now(), admin_configured=configured, check=check
        )
    except UnknownToken as cause:
        raise Refused(404, str(cause)) from None
    except TokenRefused as cause:
        raise Refused(409, str(cause)) from None
    return tagged(answer(view_of(token)), token_etag(token))


def create(body: NewToken) -> tuple[Token, str]:
    """Make a token as the caller of the request under way; return it and its secret.

    Raises:
        Refused: 409, with the reason and the remedy.
    """
    now = utc_now()
    days = body.expires_days
    try:
        return current_tokens().create(
            body.name,
            body.role,
            signed(body),
            now,
            expires_at=None if days is None else now + timedelta(days=days),
            admin_configured=current_desk().config.web.tokens.admin is not None,
        )
    except TokenRefused as cause:
        raise Refused(409, str(cause)) from None


def view_of(token: Token) -> TokenView:
    """Show a token."""
    return TokenView(
        id=token.id,
        name=token.name,
        role=token.role,
        live=token.dead(utc_now()) is None,
        created_at=token.created_at,
        created_by=token.created_by,
        expires_at=token.expires_at,
        used_at=token.used_at,
        revoked_at=token.revoked_at,
        revoked_by=token.revoked_by,
    )


def token_etag(token: Token) -> str:
    """Return the ETag of what somebody who revokes a token decides upon."""
    return etag_of("token", token.id, token.name, token.role, token.expires_at, token.revoked_at)
