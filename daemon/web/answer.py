"""From a model to a JSON answer that survives whatever text a target sent."""

from __future__ import annotations

import json
import math
from typing import Any

from flask import Response
from pydantic import BaseModel, ConfigDict

#: Longest text in an answer that shows many things at once; one thing alone is shown whole.
BRIEF = 600


class View(BaseModel):
    """What an endpoint answers."""

    model_config = ConfigDict(frozen=True)


def answer(view: View, status: int = 200, *, longest: int | None = BRIEF) -> Response:
    """Encode a view; texts over `longest` are cut, with a mark.

    ASCII only: a lone surrogate out of a target's JSON cannot be encoded as UTF-8, and must not
    take the page of the person on call away.
    """
    body = json.dumps(_clean(view.model_dump(mode="json"), longest), allow_nan=False)
    return Response(body, status=status, mimetype="application/json")


def _clean(value: Any, longest: int | None) -> Any:
    match value:
        case str():
            over = longest is not None and len(value) > longest
            return value[:longest] + " …" if over else value
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _clean(each, longest) for key, each in value.items()}
        case list():
            return [_clean(each, longest) for each in value]
        case _:
            return value
