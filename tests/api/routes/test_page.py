"""GET / and the files of the page: headers, sizes, the setting that turns it off, no other host."""

import re
from pathlib import Path
from typing import Final

import pytest

from app.api.routes.page import FILES
from tests.api.service import Service, running

WEB: Final = Path(__file__).resolve().parents[3] / "app" / "web"
MAX_BYTES: Final = 250_000
MAX_LINES: Final = 300
TEXTS: Final = [file for file in sorted(WEB.iterdir()) if file.suffix != ".jpg"]


def test_the_page_is_sent_with_a_strict_policy(service: Service) -> None:
    page = service.http.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert service.http.head("/").status_code == 200
    assert "/" not in service.http.get("/openapi.json").json()["paths"]


@pytest.mark.parametrize("path", FILES)
def test_every_file_is_sent_once(service: Service, path: str) -> None:
    first = service.http.get(path)
    assert first.status_code == 200
    again = service.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_it_is_small() -> None:
    assert sum(file.stat().st_size for file in FILES.values()) < MAX_BYTES


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: str(file.name))
def test_no_other_host_is_named(file: Path) -> None:
    text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text)
    assert len(text.splitlines()) < MAX_LINES


def test_what_scripts_import_is_there() -> None:
    names = {file.name for file in TEXTS}
    for file in TEXTS:
        imported = re.findall(r'from "\./([\w.]+)"', file.read_text(encoding="utf-8"))
        assert set(imported) <= names, file.name


def test_it_can_be_turned_off_and_needs_no_key(models_dir: Path) -> None:
    with running(models_dir, page=False, wait=False) as off:
        assert off.http.get("/").status_code == 404
        assert off.http.get("/web/main.js").status_code == 404
        assert off.http.get("/docs").status_code == 200
    with running(models_dir, api_keys="secret", wait=False) as locked:
        assert locked.http.get("/").status_code == 200
        assert locked.http.get("/web/main.js").status_code == 200
        assert locked.http.get("/web/nothing.js").status_code == 401
