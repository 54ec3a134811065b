"""What tests of several rooms need: servers, and a log that no test leaves changed."""

from collections.abc import Iterator

import pytest
import structlog

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
