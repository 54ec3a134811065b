"""One fresh context with one page: what it is given, and everything that it saw."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    Route,
    expect,
)
from playwright.sync_api import Error as PlaywrightError

from config.schema import InjectedFault, JourneyProbe, PrivacySpec, TargetSpec
from probes.browser.audit import audit
from probes.browser.black_out import COLOUR, bad_selector, black_out
from probes.browser.traffic import BLOCKED, Traffic
from probes.model import FailureClass, ToggleResponse, Violation, Vitals
from probes.text import bounded
from probes.toggles import TOGGLES_PATH, force_toggles, parse_toggles

#: Time for Chromium to tell of a crash that has ended a call already.
SETTLE_S = 0.1
SCREENSHOT_TIMEOUT_S = 2.0
FIRST_PAINT_S = 0.2
AUDIT_S = 3.0
#: Evidence is bounded in number and length: the target is hostile until proven otherwise.
MAX_ENTRIES = 50
MAX_TEXT = 500
#: An alert that opens while Chromium leaves its page cannot be dismissed any more ("Not attached to
#: an active page"), and holds both until the run's time is over. So none opens: there is no answer
#: to give. `confirm` and `prompt` do open: a journey may have one.
_NO_ALERT = "window.alert = () => {};"


class Session:
    """One context with one page, and everything that it saw."""

    def __init__(
        self, context: BrowserContext, probe: JourneyProbe, target: TargetSpec, deadline: float
    ) -> None:
        self.target = target
        self.context = context
        self.console_errors: list[str] = []
        self.toggles_at: datetime | None = None
        self.crashed = False
        self._probe = probe
        self._deadline = deadline
        self._toggle_requests: dict[Request, Response | str | None] = {}
        self._toggle_answers: dict[Request, Response] = {}
        self._toggles: ToggleResponse | None = None
        self._figures: dict[float, dict[str, float]] = {}
        self.page: Page
        self.traffic: Traffic

    def prepare(self, script: str, inject: tuple[InjectedFault, ...] = ()) -> None:
        """Put in cookies, scripts, forced flags, faults, blocked hosts and listeners."""
        cookies = {**self.target.cookies, **self._probe.cookies}
        origins = dict.fromkeys((self.target.base_url, self.target.api))
        self.context.add_cookies(
            [{"name": n, "value": v, "url": url} for n, v in cookies.items() for url in origins]
        )
        self.context.expose_binding("__tripflag_vitals", self._take_figures)
        self.context.add_init_script(_NO_ALERT)
        self.context.add_init_script(script)
        # The route that was added last is asked first: a blocked host is never loaded; of several
        # faults the first one listed is met first; what is left of a request has its flags forced.
        if self._probe.force_flags:
            self.context.route(f"**{TOGGLES_PATH}*", self._force_flags)
        for fault in reversed(inject):
            self.context.route(fault.url, partial(self._inject, fault))
        for pattern in self.target.block:
            self.context.route(pattern, lambda route: route.abort("blockedbyclient"))
        self.page = self.context.new_page()
        self.traffic = Traffic(self.page, self.target)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self._keep_error(str(error)))
        self.page.on("crash", self._on_crash)
        self.page.on("request", self._on_request)
        self.page.on("response", self._on_response)
        self.page.on("requestfinished", self._on_request_finished)
        self.page.on("requestfailed", self._on_request_failed)
        self.spend()

    def spend(self) -> None:
        """Give every following Playwright call no more than the time that is left."""
        left_ms = max(1.0, (self._deadline - time.monotonic()) * 1000)
        self.page.set_default_timeout(left_ms)
        self.page.set_default_navigation_timeout(left_ms)
        expect.set_options(timeout=min(5000.0, left_ms))

    def lost(self) -> FailureClass | None:
        """Say what died under the run; None where page and browser still answer.

        Waits a moment for what Chromium tells only after the call that it ended: an assertion that
        polls while the browser dies ends like one that was never fulfilled.
        """
        try:
            if not self.crashed:
                self.page.wait_for_timeout(SETTLE_S * 1000)
        except PlaywrightError:
            if not self.crashed:
                return FailureClass.BROWSER
        return FailureClass.RENDERER if self.crashed else None

    # --- what the page was told --------------------------------------------------------------

    def toggles(self, within_s: float) -> ToggleResponse:
        """Return the first toggle answer that the page received, waiting for it if need be."""
        if self._toggles is not None:
            return self._toggles
        until = min(time.monotonic() + within_s, self._deadline)
        while True:
            # Reading the body of an answer that is still coming has no time-out: it would hang.
            settled = [answer for answer in self._toggle_requests.values() if answer is not None]
            if settled:
                self._toggles = self._read_toggles(settled[0])
                return self._toggles
            if time.monotonic() >= until:
                asked = "got no answer" if self._toggle_requests else "was never made"
                return ToggleResponse(None, {}, f"the page's toggle request {asked}")
            self.page.wait_for_timeout(10)

    def _read_toggles(self, answer: Response | str) -> ToggleResponse:
        if isinstance(answer, str):
            return ToggleResponse(None, {}, f"the page's toggle request failed: {answer}")
        status = answer.status
        if status >= 400:
            return ToggleResponse(status, {}, f"the toggle service answered {status}")
        try:
            return ToggleResponse(status, parse_toggles(answer.body()))
        except ValueError as cause:
            return ToggleResponse(status, {}, f"the toggle answer is unreadable: {cause}")
        except PlaywrightError as cause:
            reason = cause.message.splitlines()[0]
            return ToggleResponse(status, {}, f"the toggle answer could not be read: {reason}")

    def _force_flags(self, route: Route) -> None:
        try:
            response = route.fetch(max_redirects=5)
            body = force_toggles(response.body(), self._probe.force_flags)
        except ValueError:
            route.fulfill(response=response)  # as unreadable as it came
        except PlaywrightError:
            with suppress(PlaywrightError):
                route.abort()
        else:
            route.fulfill(response=response, body=body)

    def _inject(self, fault: InjectedFault, route: Route) -> None:
        """Let a request meet a planted fault as if the target had answered so."""
        # A late fault's page may be closed by now, and nobody waits for the answer.
        with suppress(PlaywrightError):
            if fault.status is not None:
                kind = "application/json" if fault.body.lstrip()[:1] in ("{", "[") else "text/html"
                route.fulfill(status=fault.status, body=fault.body, content_type=kind)
            elif fault.abort:
                route.abort("connectionreset")
            else:
                self.page.wait_for_timeout((fault.delay_s or 0) * 1000)
                route.fallback()

    # --- evidence ---------------------------------------------------------------------------

    def vitals(self) -> Vitals | None:
        """Put together the figures of all pages: loads from the first, the worst of the rest."""
        self._await_first_paint()
        pages = [self._figures[origin] for origin in sorted(self._figures)]
        if not pages:
            return None
        first = pages[0]
        loads = {name: first.get(name) for name in ("ttfb_s", "fcp_s", "lcp_s", "tti_s")}
        worst = {
            name: max((page[name] for page in pages if name in page), default=None)
            for name in ("cls", "inp_s", "fid_s", "tbt_s")
        }
        return Vitals(**loads, **worst)

    def _await_first_paint(self) -> None:
        # A journey can be through before the page's first frame, and with it most figures, is out.
        until = min(time.monotonic() + FIRST_PAINT_S, self._deadline)
        with suppress(PlaywrightError):
            while self.traffic.answered and not self._painted() and time.monotonic() < until:
                self.page.wait_for_timeout(10)

    def _painted(self) -> bool:
        return any("fcp_s" in figures for figures in self._figures.values())

    def screenshot(self, privacy: PrivacySpec) -> bytes | None:
        """Return what the page looks like as a PNG, without what must not be seen.

        None where nothing came, or it was not drawn in time.

        Raises:
            BadSelector: one of the operator's is none.
        """
        if not self.traffic.answered:
            return None  # an empty tab tells nothing, and drawing it can take the whole time-out
        try:
            return self.page.screenshot(
                mask=black_out(self.page, privacy),
                mask_color=COLOUR,
                timeout=SCREENSHOT_TIMEOUT_S * 1000,
            )
        except PlaywrightError as cause:
            if bad := bad_selector(cause):
                raise bad from cause
            return None

    def audit(self) -> tuple[Violation, ...] | None:
        """Let axe look at the page as it is now; None where it could not in the time left."""
        if not self.traffic.answered:
            return None
        return audit(self.page, min(time.monotonic() + AUDIT_S, self._deadline))

    def cookie_values(self) -> frozenset[str]:
        """Values of all cookies now in the browser, those that the target set on the way included.

        Raises:
            PlaywrightError: the browser is gone, and a trace of it with it.
        """
        return frozenset(cookie.get("value", "") for cookie in self.context.cookies())

    def stop_trace(self, path: Path) -> bool:
        """Save the trace; False where the browser could not."""
        try:
            self.context.tracing.stop(path=path)
        except PlaywrightError:
            return False
        return True

    def _take_figures(self, source: Any, told: Any) -> None:
        # The page could call this itself: take numbers only, of names that we know.
        with suppress(TypeError, KeyError, ValueError, AttributeError, OverflowError):
            origin = float(told["id"])
            known = {
                name: float(value)
                for name, value in told["figures"].items()
                if name in Vitals.__dataclass_fields__ and 0 <= float(value) < 86_400
            }
            if len(self._figures) < MAX_ENTRIES or origin in self._figures:
                self._figures[origin] = known

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._keep_error(message.text)

    def _keep_error(self, text: str) -> None:
        if len(self.console_errors) < MAX_ENTRIES:
            self.console_errors.append(bounded(text, MAX_TEXT))

    def _on_crash(self, _: Page) -> None:
        self.crashed = True

    def _on_request(self, request: Request) -> None:
        redirected = request.redirected_from in self._toggle_requests
        asks = redirected or urlsplit(request.url).path == TOGGLES_PATH
        if asks and len(self._toggle_requests) < MAX_ENTRIES:
            self._toggle_requests[request] = None

    def _on_response(self, response: Response) -> None:
        request = response.request
        if request in self._toggle_requests:
            self._toggle_answers[request] = response
            if response.status >= 400:  # nobody may ever read such a body
                self._toggle_requests[request] = response
            self.toggles_at = self.toggles_at or datetime.now(UTC)

    def _on_request_finished(self, request: Request) -> None:
        # A redirect is no answer: the request that follows it is listed of its own.
        answer = self._toggle_answers.get(request)
        if answer is not None and not 300 <= answer.status < 400:
            self._toggle_requests[request] = answer

    def _on_request_failed(self, request: Request) -> None:
        error = request.failure or "failed"
        known = self._toggle_requests.get(request, error)
        if known is None and BLOCKED not in error:
            self._toggle_requests[request] = error
