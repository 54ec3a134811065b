"""A driver and a Chromium that stay warm between the runs of one worker process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from config.schema import BrowserSpec, InjectedFault, JourneyProbe, TargetSpec
from probes.browser.session import MAX_TEXT, Session
from probes.chromium import find, launch_args, sandboxed
from probes.model import ProbeError

LAUNCH_TIMEOUT_S = 20.0

_ASSETS = Path(__file__).parents[1] / "assets"
_WEB_VITALS = _ASSETS / "node_modules" / "web-vitals" / "dist" / "web-vitals.iife.js"


class BrowserUnavailable(ProbeError):
    """The browser is not there, did not start or died: our fault, never the target's."""


def vitals_script() -> str:
    """Return what each page runs first to measure itself.

    Raises:
        BrowserUnavailable: the front-end files were not fetched at set-up.
    """
    try:
        library = _WEB_VITALS.read_text("utf-8")
    except OSError as cause:
        raise BrowserUnavailable(
            f"{_WEB_VITALS.name} is missing: run `make install`, which fetches it with npm"
        ) from cause
    collect = (_ASSETS / "collect.js").read_text("utf-8")
    # One script: the order of several init scripts is undefined. A function that is called by name:
    # V8 compiles such a one only then, and the empty page before the first has nothing to measure.
    body = f"function measure() {{\n{library}\n{collect}\n}}"
    return f"{{ {body}\nif (location.protocol !== 'about:') measure(); }}"


class WarmBrowser:
    """One Playwright driver and one Chromium, kept between the runs of one worker process.

    Not thread-safe: Playwright's objects belong to the thread that made them.
    """

    def __init__(self, spec: BrowserSpec, *, headed: bool = False) -> None:
        self._spec = spec
        self._headed = headed
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._script = ""

    @property
    def version(self) -> str:
        """Chromium's version, empty before the first launch."""
        return self._browser.version if self._browser is not None else ""

    def warm(self) -> Browser:
        """Return a browser that is alive, launching one where it is not.

        Raises:
            BrowserMissing, BrowserUnavailable: it cannot be had; the message holds the remedy.
        """
        if self._browser is not None and self._browser.is_connected():
            return self._browser
        self.close()
        return self._launch()

    def renew(self) -> None:
        """Put a browser that was just started in the place of the warm one.

        The driver stays: no page meets it. So this takes 0.1 s, where starting both takes 0.35 s.

        Raises:
            BrowserMissing, BrowserUnavailable: it cannot be had; the message holds the remedy.
        """
        if self._browser is not None:
            try:
                # Closing says nothing of a driver that died, and a launch would end badly there.
                self._browser.new_browser_cdp_session()
                self._browser.close()
            except PlaywrightError:
                self.close()
            self._browser = None
        self._launch()

    def _launch(self) -> Browser:
        executable = find(self._spec)
        self._script = vitals_script()
        args = launch_args(self._spec, is_root=os.geteuid() == 0)
        try:
            if self._playwright is None:
                self._playwright = sync_playwright().start()
            self._browser = self._playwright.chromium.launch(
                executable_path=executable,
                headless=not self._headed,
                args=list(args),
                chromium_sandbox=sandboxed(args),
                timeout=LAUNCH_TIMEOUT_S * 1000,
                # Signals are the supervisor's: a browser that closes itself on one loses evidence.
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            )
        except Exception as cause:  # a driver that dies at once raises a plain Exception
            self.close()
            said = str(cause).splitlines() or [type(cause).__name__]
            raise BrowserUnavailable(
                f"{executable} did not start: {said[0][:MAX_TEXT]}. Run "
                "`tripflag browser install`, or look at browser.args"
            ) from cause
        return self._browser

    def close(self) -> None:
        """Close browser and driver, whatever state they are in."""
        for each in (self._browser, self._playwright):
            with suppress(PlaywrightError):
                if isinstance(each, Browser):
                    each.close()
                elif each is not None:
                    each.stop()
        self._browser = self._playwright = None

    @contextmanager
    def session(
        self,
        probe: JourneyProbe,
        target: TargetSpec,
        deadline: float,
        trace: bool,
        inject: tuple[InjectedFault, ...] = (),
    ) -> Iterator[Session]:
        """Open a fresh context for one run, and close it afterwards.

        Args:
            probe: locale, cookies, forced flags and so on.
            target: the site.
            deadline: `time.monotonic()` at which the run's own time is over.
            trace: record a Playwright trace. Its snapshots slow pages and bend vitals.
            inject: faults that this context's requests meet, and nobody else's.
        """
        try:
            context = self._new_context(probe, target)
        except PlaywrightError:
            # A browser whose driver died still says that it is connected; only a call tells.
            self.close()
            context = self._new_context(probe, target)
        try:
            session = Session(context, probe, target, deadline)
            session.prepare(self._script, inject)
            if trace:
                # No film: its pictures cannot be looked through, and the snapshots show the page.
                context.tracing.start(screenshots=False, snapshots=True)
            yield session
        finally:
            with suppress(PlaywrightError):
                context.close()

    def _new_context(self, probe: JourneyProbe, target: TargetSpec) -> BrowserContext:
        return self.warm().new_context(
            locale=probe.locale,
            timezone_id=probe.timezone,
            viewport={"width": probe.viewport.width, "height": probe.viewport.height},
            storage_state=probe.storage_state_file or target.storage_state_file,
            service_workers="block",
        )
