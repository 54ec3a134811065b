"""What a rule between fields says when it is broken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from config.schema.base import Strict
from config.schema.whole import Config

Place = tuple[str | int, ...]


class Breach(Strict):
    """A rule between fields that this configuration breaks.

    `at` is the path of keys to the value at fault, from the top of the file.
    """

    at: Place
    rule: str
    remedy: str


def unknown_probes(
    config: Config, at: Place, named: Iterable[tuple[Place, str]]
) -> Iterator[Breach]:
    """Find the names that no probe has; each comes with its place below `at`."""
    remedy = f"name one of: {', '.join(sorted(config.probes))}"
    for place, probe in named:
        if probe not in config.probes:
            yield Breach(at=(*at, *place), rule=f"no probe is named {probe!r}", remedy=remedy)
