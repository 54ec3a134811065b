"""The command line's side of the admin API."""

from __future__ import annotations

import getpass
from typing import Any

import requests

TIMEOUT_S = 30.0


class ApiError(Exception):
    """The daemon refused (`status`) or could not be reached (0); the message holds the remedy."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Talks to one daemon.

    Args:
        url: its address, such as http://127.0.0.1:8700.
        token: bearer token, None where the daemon has none.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> Any:
        """Read a resource below `/api/v1`.

        Raises:
            ApiError: refused, unreachable, or not a daemon of ours.
        """
        return self._ask("GET", path, None)

    def act(self, path: str, reason: str, **more: object) -> Any:
        """Ask for an operator's act, in the name of this machine's user.

        Raises: as `get` does.
        """
        body = {"reason": reason, "by": getpass.getuser(), **more}
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: object) -> Any:
        url = f"{self._url}/api/v1/{path}"
        try:
            answer = self._session.request(method, url, json=body, timeout=TIMEOUT_S)
        except requests.RequestException as cause:
            raise ApiError(
                f"no daemon answers at {self._url} ({type(cause).__name__}): start it with "
                "`tripflag run FILE`, or give --url or TRIPFLAG_URL"
            ) from cause
        try:
            document = answer.json()
        except ValueError as cause:
            raise ApiError(f"{url} answered {answer.status_code}, but not in JSON") from cause
        if answer.status_code >= 400:
            detail = document.get("detail", f"{url} answered {answer.status_code}")
            raise ApiError(str(detail), answer.status_code)
        return document
