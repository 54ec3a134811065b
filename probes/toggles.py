"""The toggle answer that VA.gov's pages read, in its real JSON shape.

Source: vets-website's feature-toggles platform code and vets-api's feature_toggles_controller:
the full list names each flag twice, in camelCase and in snake_case.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

TOGGLES_PATH = "/v0/feature_toggles"
#: The real list is near 100 kB; more than this is not a list of toggles.
MAX_BYTES = 2_000_000
MAX_TOGGLES = 5_000


def parse_toggles(body: bytes) -> dict[str, bool]:
    """Read the full-list toggle answer: `{"data": {"features": [{"name", "value"}, ...]}}`.

    Raises:
        ValueError: it is not that shape; says how.
    """
    if len(body) > MAX_BYTES:
        raise ValueError(f"{len(body)} bytes are too many")
    try:
        features = json.loads(body)["data"]["features"]
        return {_name(each): each["value"] is True for each in features[:MAX_TOGGLES]}
    except UnicodeDecodeError as cause:
        raise ValueError("not text") from cause
    except json.JSONDecodeError as cause:
        raise ValueError("not JSON") from cause
    except (KeyError, TypeError) as cause:
        raise ValueError("JSON of another shape") from cause
    except RecursionError as cause:
        raise ValueError("JSON nested too deep") from cause


def force_toggles(body: bytes, forced: Mapping[str, bool]) -> bytes:
    """Rewrite flags in a full-list toggle answer, under both names that each one has.

    Raises:
        ValueError: the answer is not of the known shape.
    """
    parse_toggles(body)
    answer = json.loads(body)
    names = {each: value for flag, value in forced.items() for each in (flag, camel(flag))}
    kept = [each for each in answer["data"]["features"] if each["name"] not in names]
    answer["data"]["features"] = [
        *kept,
        *({"name": name, "value": value} for name, value in names.items()),
    ]
    return json.dumps(answer).encode()


def _name(feature: dict[str, object]) -> str:
    name = feature["name"]
    if not isinstance(name, str):
        raise TypeError("a name must be text")
    return name


def camel(flag: str) -> str:
    """Return a snake_case name in camelCase."""
    first, *rest = flag.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)
