"""One flag in the library's own memory store."""

from __future__ import annotations

import pytest
from flipper import FeatureFlagClient
from flipper.contrib.memory import MemoryFeatureFlagStore

FLAG = "assessment_fallback"
WAIT_S = 10


@pytest.fixture
def memory() -> MemoryFeatureFlagStore:
    return MemoryFeatureFlagStore()


@pytest.fixture
def client(memory: MemoryFeatureFlagStore) -> FeatureFlagClient:
    """One flag, on."""
    made = FeatureFlagClient(memory)
    made.create(FLAG, True, {"owner": "claims"})
    return made
