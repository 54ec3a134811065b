"""The tokens: who may read and act here. For administrators."""

from __future__ import annotations

from flask import Blueprint, Response, request
from pydantic import ValidationError

from daemon.engine import utc_now
from daemon.web.api.tokens import NewToken, create, token_etag
from daemon.web.caller import current_tokens
from daemon.web.pages.page import render
from daemon.web.problem import Refused, invalid

TOKEN = Blueprint("page_token", __name__)

_FIELDS = ("name", "role", "expires_days", "reason", "by")


@TOKEN.get("/tokens")
def tokens() -> Response:
    """Show every token, and the forms that make and revoke them."""
    return _page()


@TOKEN.post("/tokens")
def make() -> Response:
    """Make a token and show its secret, this once: a redirect could not."""
    typed = {name: request.form[name].strip() for name in _FIELDS if request.form.get(name)}
    try:
        token, secret = create(NewToken.model_validate({k: v for k, v in typed.items() if v}))
    except ValidationError as cause:
        return _page(422, problem=invalid(cause).get_json()["detail"], typed=typed)
    except Refused as cause:
        return _page(cause.status, problem=cause.detail, typed=typed)
    return _page(201, made=token, secret=secret)


def _page(
    status: int = 200,
    problem: str = "",
    typed: dict[str, str] | None = None,
    made: object = None,
    secret: str = "",
) -> Response:
    now = utc_now()
    listed = [(each, each.dead(now), token_etag(each)) for each in current_tokens().list()]
    return render(
        "tokens.html",
        status,
        tokens=listed,
        problem=problem,
        typed=typed or {},
        made=made,
        secret=secret,
    )
