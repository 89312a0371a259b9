"""A real Chromium without a window, cut off from every host but this one. Knows tabs only."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
_OPTIONS: Final = (
    *("--disable-gpu", "--disable-dev-shm-usage"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_PATIENCE_MS: Final = 30_000  # machines that test are busy


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser that the system has; the test is skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    # Chromium's sandbox cannot be set up by root.
    options = [*_OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        expect.set_options(timeout=_PATIENCE_MS)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


class Watched:
    """A page that notes what must not happen: errors in the console, requests to other hosts."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        """address: of the service, the only one that is reached."""
        self.address = address
        self.complaints: list[str] = []
        self.expected: list[str] = []
        self.context = browser.new_context(
            **({"viewport": {"width": 1200, "height": 900}} | options)
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(_PATIENCE_MS)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._request)

    def open(self, path: str) -> Page:
        self.page.goto(self.address + path)
        return self.page

    def close(self) -> None:
        self.context.close()
        left = [
            each for each in self.complaints if not any(known in each for known in self.expected)
        ]
        assert not left, left

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.address + "/", "data:", "blob:")):
            self.complaints.append(f"fetched {request.url}")


Open = Callable[..., Watched]


def panel(page: Page, name: str) -> Any:
    return page.locator(f"#panel-{name}")
