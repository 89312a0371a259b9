"""A service with the real forecast task on a graph that stands still. Knows no dialect."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.main import TASKS
from tests.api.service import Service, running
from tests.forecaster import write_still_version


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root: Path = tmp_path_factory.mktemp("forecasters")
    write_still_version(root)
    with running(root, tasks=TASKS) as one:
        yield one
