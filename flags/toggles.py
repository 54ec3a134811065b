"""`/v0/feature_toggles` as VA.gov's pages know it, answered from a mirror.

Source: vets-api's toggles controller and service, and answers of the real one: without `features`
each flag in both spellings; with it the names exactly as asked, an unknown one false.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from flask import Blueprint, Response, request

from flags.mirror import Mirror, Reading
from flags.ofrep import JSON_TYPE, open_to

#: Names in one `features=`; more flags than VA.gov has.
NAMES_LIMIT = 2_000

_HUMP = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def toggles_blueprint(mirror: Mirror, origins: tuple[str, ...] = ("*",)) -> Blueprint:
    """Serve the toggles of the mirror's last reading, for the actor that `cookie_id` names.

    Args:
        mirror: never refreshed from here.
        origins: whose pages may read the answers; "*" stands for all.
    """
    blueprint = Blueprint("toggles", __name__)
    open_to(blueprint, mirror, origins)

    @blueprint.get("/v0/feature_toggles")
    def feature_toggles() -> Response:
        reading = mirror.reading
        if reading.read_at is None:
            # An answer without toggles would say that all are off, which nobody can tell from
            # a real one; a page that gets an error turns them off too, but its monitors see it.
            return _error(503, "Service unavailable", "The flag store was not read yet.")
        actor = request.args.get("cookie_id") or None
        asked = [name for name in request.args.get("features", "").split(",") if name]
        if len(asked) > NAMES_LIMIT:
            return _error(400, "Bad request", f"features names over {NAMES_LIMIT} toggles.")
        features = _named(reading, asked, actor) if asked else _all(reading, actor)
        # By hand: a full list has thousands of entries and is asked for by every page.
        entries = ",".join(
            f'{{"name":{json.dumps(name)},"value":{"true" if value else "false"}}}'
            for name, value in features
        )
        body = f'{{"data":{{"type":"feature_toggles","features":[{entries}]}}}}'
        return Response(body, content_type=JSON_TYPE)

    return blueprint


def camelize(name: str) -> str:
    """Return `snake_case` as `snakeCase`; other names lose at most a capital at the start."""
    first, *rest = name.split("_")
    return first[:1].lower() + first[1:] + "".join(part[:1].upper() + part[1:] for part in rest)


def underscore(name: str) -> str:
    """Return `snakeCase` as `snake_case`; a name in that spelling comes back as it is."""
    return _HUMP.sub("_", name).replace("-", "_").lower()


def _all(reading: Reading, actor: str | None) -> Iterable[tuple[str, bool]]:
    for name, evaluator in reading.evaluators.items():
        value = evaluator.evaluate(actor, {}).value
        yield camelize(name), value
        yield name, value


def _named(reading: Reading, names: Iterable[str], actor: str | None) -> Iterable[tuple[str, bool]]:
    known = reading.evaluators
    for name in names:
        # The exact name first: not every store's flags are in snake case, as VA.gov's are.
        found = known.get(name) or known.get(underscore(name))
        yield name, found is not None and found.evaluate(actor, {}).value


def _error(status: int, title: str, detail: str) -> Response:
    error = {"title": title, "detail": detail, "code": str(status), "status": str(status)}
    return Response(json.dumps({"errors": [error]}), status, content_type=JSON_TYPE)
