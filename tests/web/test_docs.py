"""/docs in a real Chromium that reaches no other host: keys, and a request that is tried."""

from pathlib import Path

from playwright.sync_api import expect

from tests.api.doubles import write_version
from tests.api.service import running
from tests.web.browser import Watched, chromium


def test_docs_without_other_hosts(tmp_path: Path) -> None:
    write_version(tmp_path)
    with running(tmp_path, api_keys="open-sesame") as locked, chromium() as browser:
        one = Watched(browser, f"http://127.0.0.1:{locked.port}")
        page = one.open("/docs")
        page.get_by_role("button", name="Authorize").first.dispatch_event("click")
        key = page.locator("#api_key_value")
        key.fill("open-sesame")
        key.press("Enter")
        page.get_by_role("button", name="Close").first.dispatch_event("click")
        opened = page.locator("#operations-tasks-forecast_forecast_post")
        opened.get_by_role("button").first.dispatch_event("click")
        expect(opened.get_by_text("imputed").first).to_be_visible()
        opened.get_by_role("button", name="Try it out").dispatch_event("click")
        opened.get_by_role("button", name="Execute").dispatch_event("click")
        expect(opened.locator(".live-responses-table")).to_contain_text('"forecasts"')
        one.close()
