"""The command line's side of the admin API."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import requests
from requests.auth import AuthBase

from probes.text import bounded

#: Time for a connection, and for each silence of the daemon's after it.
CONNECT_S, TIMEOUT_S = 5.0, 30.0
#: `/events` says something at least so often (a heartbeat); two may be lost.
EVENTS_S = 60.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
TOKEN_REMEDY = "set TRIPFLAG_TOKEN, or TRIPFLAG_TOKEN_FILE, to a token"  # noqa: S105 - no secret


class ApiError(Exception):
    """The daemon refused (`status`) or could not be reached (0); the message holds the remedy."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Talks to one daemon.

    Args:
        url: its address, such as http://127.0.0.1:8700.
        token: bearer token; None: what the file holds that TRIPFLAG_TOKEN_FILE names, if any.

    Raises:
        ApiError: the address or the token's file is of no use.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url.rstrip("/")
        parts = urlsplit(self._url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ApiError(f"{url!r} is no address of a daemon: give one such as http://host:8700")
        self._session = requests.Session()
        # A proxy of the environment's must not get what is meant for this machine, token included.
        self._session.trust_env = parts.hostname not in LOOPBACK
        # As `auth`, not as a header: requests lets a .netrc of the user's win over a header.
        self._session.auth = _Bearer(token or _token_of_file(os.environ))

    def get(self, path: str, **query: object) -> Any:
        """Read a resource below `/api/v1`; query parameters that are None are left out.

        Raises:
            ApiError: refused, unreachable, or not a daemon of ours.
        """
        return self._document(self._ask("GET", _with(path, query)))

    def text(self, path: str) -> str:
        """Read a resource that is text, such as a post-mortem. Raises: as `get` does."""
        return self._ask("GET", path).text

    def download(self, path: str, file: Path) -> int:
        """Write a resource into a file, and return its size in bytes; a part of it never stays.

        Raises:
            ApiError: as `get` does.
            OSError: the file cannot be written.
        """
        part = file.with_name(f"{file.name}.part")
        size = 0
        try:
            with self._ask("GET", path, stream=True) as answer, part.open("wb") as to:
                for chunk in answer.iter_content(64 * 1024):
                    size += to.write(chunk)
            part.replace(file)
        except requests.RequestException as cause:
            raise ApiError(f"{path} broke off after {size} bytes: ask again") from cause
        finally:
            part.unlink(missing_ok=True)
        return size

    def act(
        self, path: str, reason: str | None = None, *, if_match: str | None = None, **more: object
    ) -> Any:
        """Ask for an operator's act, in the name of this machine's user.

        Args:
            path: below `/api/v1`.
            reason: None: the act has none.
            if_match: ETag of what was looked at; the daemon refuses (412) what has changed since.
            more: further members of the body.

        Raises: as `get` does.
        """
        said = {} if reason is None else {"reason": reason, "by": user()}
        return self.send("POST", path, {**said, **more}, if_match)

    def send(self, method: str, path: str, body: object, if_match: str | None = None) -> Any:
        """Send a write; a lost connection is tried once more under the same key.

        So it is done once, whichever of the two arrived. Returns None for an answer without a
        body. Raises: as `get` does.
        """
        headers = {"Idempotency-Key": uuid4().hex}
        if if_match is not None:
            headers["If-Match"] = if_match
        answer = self._ask(method, path, body, headers)
        return self._document(answer) if answer.content else None

    @contextmanager
    def events(self) -> Iterator[Iterator[bytes]]:
        """Open the stream of what changes, and yield its lines. Raises: as `get` does."""
        with self._ask("GET", "events", stream=True, timeout_s=EVENTS_S) as answer:
            yield answer.iter_lines(chunk_size=1)

    def _ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        stream: bool = False,
        timeout_s: float | None = None,
    ) -> requests.Response:
        url = f"{self._url}/api/v1/{path}"
        timeout_s = timeout_s or TIMEOUT_S

        def send() -> requests.Response:
            return self._session.request(
                method,
                url,
                json=body,
                headers=headers,
                stream=stream,
                timeout=(CONNECT_S, timeout_s),
                # Elsewhere it would take the token along, or turn a POST into a GET.
                allow_redirects=False,
            )

        try:
            try:
                answer = send()
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                answer = send()
        except requests.ReadTimeout as cause:
            remedy = "ask again" if method == "GET" else "look whether it was done before you retry"
            raise ApiError(
                f"the daemon at {self._url} did not answer within {timeout_s:g} s: {remedy}"
            ) from cause
        except requests.RequestException as cause:
            raise ApiError(
                f"no daemon answers at {self._url} ({type(cause).__name__}): start it with "
                "`tripflag up FILE`, or give --url or TRIPFLAG_URL"
            ) from cause
        if answer.status_code >= 300:
            raise self._refusal(answer)
        return answer

    def _refusal(self, answer: requests.Response) -> ApiError:
        status = answer.status_code
        if status < 400:
            to = bounded(answer.headers.get("Location", "nowhere"))
            return ApiError(f"{self._url} sends on to {to}: give that address with --url", status)
        try:
            told = answer.json()["detail"]
        except (ValueError, KeyError, TypeError):
            kind = answer.headers.get("Content-Type", "no content").split(";")[0]
            return ApiError(
                f"{answer.url} answered {status} with {bounded(kind)}, so it is no daemon that "
                "said it: look at the proxy before it, or give --url or TRIPFLAG_URL",
                status,
            )
        detail = bounded(str(told), 1000)
        if status in (401, 403) and "TRIPFLAG_TOKEN" not in detail:
            role = "" if status == 401 else " whose role may"
            detail = f"{detail}; {TOKEN_REMEDY}{role} (`tripflag token create` makes one)"
        if status == 429 and (wait := answer.headers.get("Retry-After")):
            detail = f"{detail}; try again in {bounded(wait, 20)} s with the right TRIPFLAG_TOKEN"
        return ApiError(detail, status)

    def _document(self, answer: requests.Response) -> Any:
        try:
            return answer.json()
        except ValueError as cause:
            raise ApiError(
                f"{answer.url} answered {answer.status_code}, but not in JSON: give the daemon's "
                "own address with --url or TRIPFLAG_URL"
            ) from cause


class _Bearer(AuthBase):
    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def user() -> str:
    """Name this machine's user, for the audit; the daemon decides what it is worth."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        return f"uid {os.getuid()}"


def _token_of_file(env: Mapping[str, str]) -> str | None:
    if not (name := env.get("TRIPFLAG_TOKEN_FILE")):
        return None
    try:
        return Path(name).read_text("utf-8").strip()
    except (OSError, ValueError) as cause:
        raise ApiError(
            f"cannot read the token in {name} ({type(cause).__name__}): mend TRIPFLAG_TOKEN_FILE, "
            "or set TRIPFLAG_TOKEN"
        ) from cause


def _with(path: str, query: Mapping[str, object]) -> str:
    given = {key: value for key, value in query.items() if value is not None}
    return f"{path}{'&' if '?' in path else '?'}{urlencode(given)}" if given else path
