"""Servers that tests of several rooms need."""

from tests.servers import (
    postgres_server,
    postgres_url,
    prometheus_server,
    redis_server,
    redis_url,
)

__all__ = ["postgres_server", "postgres_url", "prometheus_server", "redis_server", "redis_url"]
