"""A service of small recurrent graphs, and what asks it. Knows the routes of streams."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.main import TASKS
from tests.api.service import Service, running
from tests.streams import write_single_step, write_stream_version


def write_models(root: Path) -> Path:
    """lstm and gru with lengths, plain without, sum without a time axis."""
    write_stream_version(root, "lstm")
    write_stream_version(root, "gru", cell="gru", hidden=3, inputs=2)
    write_stream_version(root, "plain", lengths=False)
    write_single_step(root)
    return root


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = write_models(tmp_path_factory.mktemp("models"))
    with running(root, tasks=TASKS, streams_url="memory://") as one:
        yield one
