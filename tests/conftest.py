"""What tests of several rooms need: servers, and a log that no test leaves changed."""

import shutil
from collections.abc import Iterator

import pytest
import structlog

from daemon import journal as journals
from daemon.journal import Journal
from tests.servers import (
    postgres_server,
    postgres_url,
    prometheus_server,
    redis_server,
    redis_url,
)

__all__ = ["postgres_server", "postgres_url", "prometheus_server", "redis_server", "redis_url"]


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """Forget where a command of ours logged to: its stream is closed with the test that ran it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True, scope="session")
def migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Begin each new journal as a copy of one that went through every migration.

    They are most of what a journal costs, and a thousand tests make one.
    """
    first = tmp_path_factory.mktemp("migrated") / "journal.sqlite"
    Journal(first).close()
    migrate = journals._migrate

    def begin(journal: Journal) -> None:
        if journal.path.exists():
            migrate(journal)
        else:
            shutil.copyfile(first, journal.path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journals, "_migrate", begin)
        yield
