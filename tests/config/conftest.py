from __future__ import annotations

from pathlib import Path

import pytest

from config.load import ConfigError, load
from config.schema import Config

SMALL = """\
targets:
  site:
    base_url: https://www.example.org
probes:
  page:
    target: site
    kind: request
store:
  url: sqlite:///flags.sqlite
journal:
  path: journal.sqlite
"""


@pytest.fixture
def loaded(tmp_path: Path):
    """Load the smallest configuration with more text behind it."""

    def load_it(more: str = "", env: dict[str, str] | None = None, text: str = SMALL) -> Config:
        path = tmp_path / "tripflag.yaml"
        path.write_text(text + more)
        return load(path, env or {})

    return load_it


@pytest.fixture
def refused(loaded):
    """Load what must be refused, and return the messages without the file's name."""

    def messages(more: str = "", env: dict[str, str] | None = None, text: str = SMALL) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            loaded(more, env, text)
        return [f"{p.line}: {p.key}: {p.rule}" for p in caught.value.problems]

    return messages
