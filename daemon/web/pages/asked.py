"""What the address of a page asks for, checked as the API checks it."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import urlencode

from flask import request
from pydantic import BaseModel, ValidationError

from daemon.web.problem import Refused

Query = TypeVar("Query", bound=BaseModel)


def asked(model: type[Query]) -> Query:
    """Read the address's query; fields that a form left empty are left out.

    Raises:
        Refused: 422, with each field and what is wrong with it.
    """
    try:
        return model.model_validate(_given())
    except ValidationError as cause:
        said = (
            f"{'.'.join(str(part) for part in each['loc'])}: "
            f"{each['msg'].removeprefix('Value error, ')}"
            for each in cause.errors(include_url=False, include_input=False)
        )
        raise Refused(422, "; ".join(said)) from None


def page_after(cursor: str | None) -> str | None:
    """Return the address of the page that begins at `cursor`, with the same filters."""
    if cursor is None:
        return None
    return f"{request.path}?{urlencode({**_given(), 'cursor': cursor})}"


def _given() -> dict[str, str]:
    return {name: value for name, value in request.args.items() if value.strip()}
