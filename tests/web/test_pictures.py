"""Pictures of every tab with the models that ship; small enough for docs/page.md.

`PAGE_PICTURES=docs/pictures python -m pytest tests/web/test_pictures.py` renews those of the docs.
"""

import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from app.main import TASKS
from tests.api.service import running
from tests.web.browser import Watched, chromium, panel

ROOT: Final = Path(__file__).resolve().parents[2]
MOST_BYTES: Final = 60_000
_COLOURS: Final = 64  # of a picture
_SIZE: Final = {"width": 1000, "height": 720}
_TITLES: Final = {"network": "Your network"}


def _shown(text: str) -> Callable[[Page, Any], None]:
    return lambda _, tab: expect(tab.get_by_text(text).first).to_be_visible()


def _live(page: Page, tab: Any) -> None:
    expect(tab.get_by_text("is open, at position 0")).to_be_visible()
    tab.get_by_label("Steps a second").fill("20")
    values = [str((step % 8) ** 2) for step in range(20)]
    _let_come(tab, values[:16])
    expect(tab.get_by_text("is at position 16")).to_be_visible()
    expect(tab.get_by_role("button", name="Play")).to_be_visible()  # it has come to a rest
    tab.get_by_role("button", name="Fork here").click()
    expect(tab.get_by_text("Forked at position 16")).to_be_visible()
    _let_come(tab, values[16:])
    expect(tab.get_by_text("is at position 20, and so is its fork")).to_be_visible()


def _let_come(tab: Any, values: list[str]) -> None:
    tab.get_by_label("A column of your own").fill("\n".join(values))
    tab.get_by_label("A column of your own").press("Tab")
    tab.get_by_role("button", name="Play").click()


def _generate(page: Page, tab: Any) -> None:
    expect(tab.get_by_text("The text is written.")).to_be_visible()
    tab.get_by_role("button", name="Fork here").click()
    expect(tab.get_by_role("button", name="How likely")).to_have_count(2)
    tab.get_by_role("button", name="How likely").first.click()
    expect(tab.locator("mark").first).to_be_visible()


def _caption(page: Page, tab: Any) -> None:
    tab.get_by_role("button", name="A temple").click()
    expect(tab.get_by_text("Captions by their score").first).to_be_visible()


def _compared(page: Page, tab: Any) -> None:
    first = tab.get_by_label("First", exact=True)
    own = first.locator("option").filter(has_text=re.compile(r"^forecast \d+$"))
    first.select_option(value=own.get_attribute("value"))
    tab.get_by_role("button", name="Ask both").click()
    other = tab.get_by_label("Second answer").get_by_role("heading", name="forecast-waves")
    expect(other).to_be_visible()


# What is done in each tab before its picture is taken.
TABS: Final = {
    "forecast": _shown("Where the time went"),
    "live": _live,
    "sentiment": _shown("speaks for"),
    "authorship": _shown("Evidence, chunk by chunk"),
    "caption": _caption,
    "translate": _shown("Where it looked, sentence 1"),
    "generate": _generate,
    "network": _shown("Blue is below zero"),
    "models": _compared,
}


def test_every_tab_has_its_picture(shipped_models: Path, tmp_path: Path) -> None:
    folder = Path(os.environ.get("PAGE_PICTURES", tmp_path))
    with (
        running(shipped_models, tasks=TASKS, streams_url="memory://") as service,
        chromium() as browser,
    ):
        one = Watched(browser, f"http://127.0.0.1:{service.port}", viewport=_SIZE)
        page = one.open("/")
        for name, act in TABS.items():
            page.get_by_role("tab", name=_TITLES.get(name, name.title()), exact=True).click()
            act(page, panel(page, name))
            expect(panel(page, name).get_by_role("alert").locator("visible=true")).to_have_count(0)
            page.evaluate("scrollTo(0, 0)")
            file = folder / f"page-{name}.png"
            _write(page.screenshot(), file)
            assert file.stat().st_size < MOST_BYTES, name
        one.close()


@pytest.mark.parametrize("name", TABS)
def test_the_docs_show_every_tab(name: str) -> None:
    file = ROOT / "docs" / "pictures" / f"page-{name}.png"
    assert f"](pictures/{file.name})" in (ROOT / "docs" / "page.md").read_text(encoding="utf-8")
    assert 1000 < file.stat().st_size < MOST_BYTES


def _write(content: bytes, file: Path) -> None:
    with Image.open(io.BytesIO(content)) as picture:
        few = picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        few.save(file, optimize=True)
