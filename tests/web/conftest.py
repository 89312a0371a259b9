"""A service with a model of every tab, and pages of it that are watched."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from app.main import TASKS
from app.serving.models.loader import TaskTypes
from tests.api.authors import WordTask, write_authors
from tests.api.service import Service, running
from tests.captioner import ATTENDING, write_captioner
from tests.classifier import write_classifier
from tests.forecaster import write_still_version
from tests.streamer import write_untrained_version
from tests.streams import write_stream_version
from tests.translator import write_translator
from tests.web.browser import Open, Watched, chromium
from tests.writer import write_writer


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root: Path = tmp_path_factory.mktemp("models")
    write_still_version(root)
    write_classifier(root)
    write_authors(root)
    write_captioner(root, features=ATTENDING)
    write_translator(root)
    write_writer(root)
    write_stream_version(root, hidden=8)
    write_untrained_version(root, "values")
    tasks: TaskTypes = {**TASKS, "authorship": WordTask}
    with running(root, tasks=tasks, streams_url="memory://") as service:
        yield service


@pytest.fixture
def watched(browser: Browser, served: Service) -> Iterator[Open]:
    pages: list[Watched] = []

    def new(service: Service = served, **options: Any) -> Watched:
        pages.append(Watched(browser, f"http://127.0.0.1:{service.port}", **options))
        return pages[-1]

    yield new
    for each in pages:
        each.close()
