"""A repository that is looked after in a test. Knows the doubles only."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from app.serving.models.loader import LoadedModel, ServingOptions, TaskTypes
from app.serving.models.repository import Repository
from app.serving.models.wanted import WantedVersions
from tests.doubles import TASKS

PATIENCE = 60.0  # seconds; a limit for what hangs, not a measure


@contextmanager
def serving(
    root: Path,
    pins: Mapping[str, str] | None = None,
    *,
    tasks: TaskTypes = TASKS,
    wanted: WantedVersions | None = None,
) -> Iterator[Repository]:
    """A repository that has loaded what there was."""
    repository = Repository(
        root,
        tasks,
        pinned_versions=pins,
        options=ServingOptions(retire_seconds=PATIENCE),
        wanted=wanted,
    )
    repository.load_all()
    try:
        yield repository
    finally:
        assert repository.close(timeout=PATIENCE)


def ask(model: LoadedModel, values: list[float]) -> float:
    """What a model answers to one series."""
    future = model.scheduler.submit(model.task.encode(values=values))
    answer: float = future.result(PATIENCE).prediction.mean
    return answer


def states(repository: Repository) -> dict[str, tuple[str, str]]:
    """Of the model `mean`: version -> (state, reason)."""
    return {
        each.version: (each.state, each.reason)
        for each in repository.index()
        if each.name == "mean"
    }


def metric(name: str, **labels: Any) -> float | None:
    """The value of a metric with exactly these labels; None if it is not on the page."""
    return REGISTRY.get_sample_value(name, labels)


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The events that the repository has logged at least as warnings, in order."""
    return [
        record.msg["event"]
        for record in caplog.records
        if isinstance(record.msg, dict) and record.levelname in {"WARNING", "ERROR"}
    ]
