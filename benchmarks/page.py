"""How fast the page is on this machine: first paint, bytes, and how long a forecast is redrawn.

`python -m benchmarks.page` starts the service with the shipped models and opens the page in the
Chromium of the system. `--pictures DIR` also takes a picture of every tab. Knows the page's tabs;
`playwright` comes with the development dependencies.
"""

import argparse
import statistics
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

from app.api.routes.page import FILES
from app.main import TASKS
from tests.api.service import running, until
from tests.web.browser import chromium

_MODELS: Final = Path(__file__).resolve().parents[1] / "models"
_VISITS: Final = 9
_POINTS: Final = 500
_DRAGS: Final = 30
_PAINTED: Final = (
    "performance.getEntriesByName('first-contentful-paint').map(each => each.startTime)[0]"
)
_REDRAWN: Final = "performance.getEntriesByName('redraw').map(each => each.duration)"


def first_paint(page: Page, address: str) -> list[float]:
    """Milliseconds from the navigation to the first contentful paint, by visit."""
    found = []
    for _ in range(_VISITS):
        page.goto("about:blank")
        page.goto(f"{address}/")
        page.wait_for_function(f"{_PAINTED} > 0")
        found.append(float(page.evaluate(_PAINTED)))
    return found


def redraws(page: Page, address: str) -> list[float]:
    """Milliseconds that a forecast of 500 points is redrawn, beside the request, by drag."""
    page.goto(f"{address}/#forecast")
    page.reload()
    forecast = page.locator("#panel-forecast")
    values = "\n".join(f"{100 + 10 * ((step * 37) % 24) / 24}" for step in range(_POINTS))
    forecast.get_by_label("Values, oldest first").fill(values)
    page.wait_for_timeout(1000)
    handle = forecast.get_by_role("slider")
    page.evaluate("performance.clearMeasures()")
    for drag in range(_DRAGS):
        handle.press("ArrowUp" if drag % 2 else "ArrowDown")
        page.wait_for_timeout(50)
    page.wait_for_timeout(500)
    durations: list[float] = page.evaluate(_REDRAWN)
    return durations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, help="folder for a picture of every tab")
    folder: Path | None = parser.parse_args().pictures
    print(f"bytes in all: {sum(file.stat().st_size for file in FILES.values()):,}")
    with (
        running(_MODELS, tasks=TASKS, wait=False, streams_url="memory://") as service,
        chromium() as browser,
    ):
        until(lambda: service.http.get("/health/ready").status_code == 200, seconds=300)
        address = f"http://127.0.0.1:{service.port}"
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        for name, found in (
            ("first paint", first_paint(page, address)),
            (f"redraw of {_POINTS} points", redraws(page, address)),
        ):
            print(
                f"{name}: median {statistics.median(found):.1f} ms,"
                f" highest {max(found):.1f} ms of {len(found)}"
            )
        if folder is not None:
            take_pictures(page, address, folder)


def take_pictures(page: Page, address: str, folder: Path) -> None:
    """A PNG of every tab but those that this repository has no model for."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("forecast", "sentiment", "authorship", "caption", "generate", "models"):
        page.goto(f"{address}/#{name}")
        page.reload()
        page.wait_for_timeout(4000)
        page.screenshot(path=folder / f"page-{name}.png")


if __name__ == "__main__":
    main()
