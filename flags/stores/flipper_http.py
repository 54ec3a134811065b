"""HTTP to flipper-api: bounded in time and size, and silent about secrets and bodies."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
from pydantic import JsonValue
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as WireError

from flags.model import FlagError

#: vets-api's whole list of some 700 flags is well below one; actors by the thousand fit too.
MAX_ANSWER_BYTES = 8 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
#: What a proxy or a server that is starting answers; the next try may reach a healthy one.
_PASSING = frozenset({429, 502, 503, 504})
_FIRST_PAUSE_S = 0.05
_ATTEMPTS = 4

_REMEDIES = {
    401: "check store.token, or store.user and store.password",
    403: "check the rights of store.token or store.user",
    404: "nothing of flipper-api is there: check store.base_url",
}


class Refused(Exception):
    """An answer that is no use, in words that hold nothing of its body."""


class Passing(Exception):
    """No answer, or one that a later try may better; a write may or may not have landed."""


class NoSuchFeature(Exception):
    """flipper-api says that it has no feature of that name."""


class Deadline:
    """A point in time that no call passes by more than a moment."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self.renew()

    def renew(self) -> None:
        """Start the time-out anew."""
        self._ends = time.monotonic() + self._timeout_s

    def left_s(self) -> float:
        """Seconds that are left, 0 at least."""
        return max(0.0, self._ends - time.monotonic())

    def pause(self, attempt: int) -> bool:
        """Wait before another attempt; False where there is no time or no attempt left."""
        pause_s = _FIRST_PAUSE_S * 2**attempt
        if attempt + 1 >= _ATTEMPTS or pause_s >= self.left_s():
            return False
        time.sleep(pause_s)
        return True


class FlipperHttp:
    """Calls flipper-api. Any thread may.

    Raises:
        FlagError: the address or the credentials cannot be used; neither is in the message.
    """

    def __init__(
        self, base_url: str, token: str | None, user: str | None, password: str | None
    ) -> None:
        self._base_url = base_url.rstrip("/")
        if "@" in urlsplit(base_url).netloc:
            raise FlagError(
                "store.base_url holds credentials, which end up in logs: move them to store.user "
                "and store.password"
            )
        self._authorise = _authorisation(token, user, password)
        self._session = requests.Session()
        # A cookie would be state that threads share; nothing here needs one.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        adapter = HTTPAdapter(max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def read(self, path: str, deadline: Deadline) -> JsonValue:
        """GET JSON; tried again with back-off while there is time, for reading is safe to repeat.

        Raises:
            NoSuchFeature, Refused, Passing: the last try's.
        """
        attempt = 0
        while True:
            try:
                return self.call("GET", path, None, deadline)
            except Passing:
                if not deadline.pause(attempt):
                    raise
                attempt += 1

    def call(self, method: str, path: str, body: JsonValue, deadline: Deadline) -> JsonValue:
        """Call once and return the answer's JSON.

        Raises:
            NoSuchFeature: only flipper-api's own 404 counts, not that of a wrong address.
            Refused: another try would meet the same.
            Passing: another try may help.
        """
        left_s = deadline.left_s()
        if left_s <= 0:
            raise Passing("no answer in time")
        try:
            with self._session.request(
                method,
                self._base_url + path,
                # flipper-api reads a body only under exactly this type, without a charset.
                data=None if body is None else json.dumps(body).encode(),
                headers=None if body is None else {"Content-Type": "application/json"},
                # Always given: requests would look for credentials in ~/.netrc otherwise.
                auth=self._authorise,
                timeout=(left_s, left_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                return _parsed(response.status_code, _content(response, deadline))
        except requests.Timeout:
            raise Passing("no answer in time") from None
        except (requests.ConnectionError, WireError, OSError):
            # Their texts can hold addresses, and the exceptions the request with its credentials.
            raise Passing("no connection, or it broke") from None
        except requests.RequestException as cause:
            raise Refused(f"{type(cause).__name__}: check store.base_url") from None

    def close(self) -> None:
        """Close every connection."""
        self._session.close()


def _authorisation(
    token: str | None, user: str | None, password: str | None
) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    if token is not None and (user is not None or password is not None):
        raise FlagError("store.token and store.user exclude each other: keep one of them")
    if password is not None and user is None:
        raise FlagError("store.password is of no use without store.user: add it")
    header: str | None = None
    if token is not None:
        if not (token.isascii() and token.isprintable()) or " " in token or not token:
            raise FlagError("store.token is no bearer token: it must be printable ASCII")
        header = f"Bearer {token}"
    elif user is not None:
        header = "Basic " + b64encode(f"{user}:{password or ''}".encode()).decode()

    def authorise(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if header is not None:
            request.headers["Authorization"] = header
        return request

    return authorise


def _content(response: requests.Response, deadline: Deadline) -> bytes:
    # Chunk by chunk as they come: a socket's time-out begins anew with each byte of a trickle.
    content = b""
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise Refused(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
        if deadline.left_s() <= 0:
            raise Passing("the answer did not end in time")
    return content


def _parsed(status: int, content: bytes) -> JsonValue:
    if status in _PASSING:
        raise Passing(f"HTTP {status}")
    answer: JsonValue = None
    readable = True
    if content:
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            readable = False
    if status == 404 and isinstance(answer, dict) and answer.get("code") == 1:
        raise NoSuchFeature
    if not 200 <= status < 300:
        remedy = _REMEDIES.get(status, "look into the log of the application that serves it")
        raise Refused(f"HTTP {status}: {remedy}")
    if not readable:
        raise Refused(f"HTTP {status}, but no JSON: check store.base_url")
    return answer
