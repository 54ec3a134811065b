"""The only importer of Playwright: a warm browser, and one fresh context for each run."""

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from probes.browser.black_out import BadSelector
from probes.browser.session import Session
from probes.browser.warm import BrowserUnavailable, WarmBrowser

__all__ = [
    "BadSelector",
    "BrowserUnavailable",
    "Locator",
    "Page",
    "PlaywrightError",
    "PlaywrightTimeout",
    "Session",
    "WarmBrowser",
    "expect",
]
