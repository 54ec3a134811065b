"""What a page asked for and what it got: statuses, failures, and what is still on its way."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Page, Request, Response

from config.schema import TargetSpec
from probes.model import FailedRequest
from probes.privacy import without_values
from probes.text import bounded

BLOCKED = "net::ERR_BLOCKED_BY_CLIENT"
#: Evidence is bounded in number and length: the target is hostile until proven otherwise.
MAX_REQUESTS = 1_000
MAX_FAILED = 50
MAX_WORDS = 500
MAX_METHOD = 20
#: What a page waits for before it can show anything; a fetch's body may stay unread for ever.
_CODE = ("document", "script")
_CALLS = ("fetch", "xhr")


class Traffic:
    """Requests of one page, its frames included.

    `answered`: the page's own document has begun to come. `broke_off`: what ended it after that,
    in Chromium's words. `failed`: requests that got no answer, or one of 400 and above.
    """

    def __init__(self, page: Page, target: TargetSpec) -> None:
        self.answered = False
        self.broke_off = ""
        self.failed: list[FailedRequest] = []
        self._page = page
        self._hosts = {urlsplit(url).hostname for url in (target.base_url, target.api)}
        self._document: Request | None = None
        self._statuses: dict[Request, int | None] = {}
        self._incomplete: set[Request] = set()
        page.on("request", self._on_request)
        page.on("response", self._on_response)
        page.on("requestfinished", self._incomplete_no_more)
        page.on("requestfailed", self._on_failed)

    @property
    def stalled(self) -> bool:
        """True while the page's document has begun to come and is not complete."""
        return self.answered and self._document in self._incomplete

    @property
    def loading(self) -> bool:
        """True while a request to the target has no answer yet, or a script of its is not whole."""
        return any(
            request in self._incomplete and (status is None or request.resource_type in _CODE)
            for request, status in self._own()
        )

    def statuses(self, path: str) -> list[int | None]:
        """Statuses of requests with this path, in order; None: no answer (yet)."""
        asked = self._statuses.items()
        return [status for request, status in asked if urlsplit(request.url).path == path]

    def server_errors(self) -> list[int]:
        """5xx that calls of the page's to the target got; images and the like do not count."""
        return [
            status
            for request, status in self._own()
            if status is not None and status >= 500 and request.resource_type in _CALLS
        ]

    def unanswered(self) -> list[str]:
        """Say why of each request to the target that got no answer; empty text: not yet.

        Other hosts do not count: an advertiser's name that nobody resolves breaks no promise.
        """
        return [
            request.failure or ""
            for request, status in self._own()
            if status is None and BLOCKED not in (request.failure or "")
        ]

    def _own(self) -> list[tuple[Request, int | None]]:
        asked = self._statuses.items()
        return [pair for pair in asked if urlsplit(pair[0].url).hostname in self._hosts]

    def _is_document(self, request: Request) -> bool:
        return request.is_navigation_request() and request.frame == self._page.main_frame

    def _on_request(self, request: Request) -> None:
        if self._is_document(request):
            self.answered, self.broke_off, self._document = False, "", request
            self._incomplete = {request}
        if len(self._statuses) < MAX_REQUESTS:
            self._statuses[request] = None
            self._incomplete.add(request)

    def _on_response(self, response: Response) -> None:
        request = response.request
        if request == self._document:
            self.answered = True
        if request in self._statuses:
            self._statuses[request] = response.status
        if response.status >= 400:
            self._keep_failed(request, response.status, "")

    def _incomplete_no_more(self, request: Request) -> None:
        self._incomplete.discard(request)

    def _on_failed(self, request: Request) -> None:
        error = request.failure or "failed"
        self._incomplete.discard(request)
        if self.answered and request == self._document:
            self.broke_off = error
        if BLOCKED not in error:  # by our own list: it would crowd out what is evidence
            self._keep_failed(request, None, error)

    def _keep_failed(self, request: Request, status: int | None, error: str) -> None:
        if len(self.failed) < MAX_FAILED:
            # The values of query strings are ids and tokens; path and keys say enough.
            url = without_values(request.url)
            self.failed.append(
                FailedRequest(
                    bounded(request.method, MAX_METHOD),
                    bounded(url, MAX_WORDS),
                    status,
                    bounded(error, MAX_WORDS),
                )
            )
