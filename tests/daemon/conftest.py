"""A desk: an engine on real files in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon.desk import Desk
from tests.daemon.hall import Hall


@pytest.fixture
def desk_of(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Open a desk with changes to its guard; closed at the test's end."""
    opened: list[Desk] = []

    def open_desk(**changes: object) -> Desk:
        opened.append(Desk(tmp_path, **changes))  # type: ignore[arg-type]
        return opened[-1]

    yield open_desk
    for each in opened:
        each.close()


@pytest.fixture
def desk(desk_of: Callable[..., Desk]) -> Desk:
    """An enforcing guard whose limit is one failed run, on a flag that is fully on."""
    return desk_of()


@pytest.fixture
def hall(desk: Desk) -> Hall:
    """Drills of a guard whose probes pass."""
    desk.passes()
    desk.engine.poll_flags()
    return Hall(desk)
