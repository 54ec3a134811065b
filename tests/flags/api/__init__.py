"""Ruby Flipper's HTTP API as a server process."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.servers import Server, free_port, need

_PACKAGES = "ruby ruby-flipper ruby-activerecord ruby-sqlite3 ruby-rack ruby-webrick"
_PARTS = ("flipper", "active_record", "sqlite3", "rack", "webrick")
TOKEN = "sesame-0b1ed"  # noqa: S105


class FlipperApi(Server):
    """flipper-api under /flipper, over a SQLite file that outlives it."""

    def __init__(self, folder: Path, **credentials: str) -> None:
        ruby = need("ruby", _PACKAGES)
        requires = [f"-r{part}" for part in _PARTS]
        command = (ruby, *requires, "-e", "")
        if subprocess.run(command, check=False, capture_output=True, timeout=60).returncode:
            reason = f"Ruby's Flipper is not here: apt-get install {_PACKAGES}"
            pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
        port = free_port()
        self.base_url = f"http://127.0.0.1:{port}/flipper"
        self.database = folder / "flipper.sqlite"
        self.credentials = credentials
        env = {f"API_{key.upper()}": value for key, value in credentials.items()}
        env |= {"API_PORT": str(port), "API_DATABASE": str(self.database)}
        script = str(Path(__file__).parent / "server.rb")
        super().__init__((ruby, script), port, folder / "log", self._serves, env=env)

    def _serves(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"{self.base_url}/features", timeout=1).status_code in (200, 401)
        return False

    def call(self, method: str, path: str, **body: object) -> requests.Response:
        """Call as the application's own people do, past the store."""
        answer = requests.request(
            method,
            f"{self.base_url}/features{path}",
            json=body,
            headers=self._headers(),
            timeout=10,
        )
        answer.raise_for_status()
        return answer

    def _headers(self) -> dict[str, str]:
        token = self.credentials.get("token")
        return {"Authorization": f"Bearer {token}"} if token else {}
