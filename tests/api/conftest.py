"""One service for most API tests, one with narrow limits, one of texts. Knows the doubles only."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.tasks.caption.task import CaptionTask
from app.tasks.sentiment import SentimentTask
from app.telemetry import log
from tests.api.authors import WordTask, write_authors
from tests.api.doubles import NaiveTask, write_version
from tests.api.service import LOG, Service, running
from tests.captioner import ATTENDING, CONFIDENCE, FEATURES, write_captioner
from tests.classifier import SEVERAL, write_classifier

IMAGE_TASKS = {"caption": CaptionTask}
TEXT_TASKS = {
    "sentiment": SentimentTask,
    "classify": SentimentTask,
    "authorship": WordTask,
    "forecast": NaiveTask,
}


@pytest.fixture(autouse=True)
def log_of_services() -> None:
    """Tests of other folders may have run in this process, and have sent the log elsewhere."""
    log.configure("json", "DEBUG", LOG)


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    write_version(root, "forecast", "1")
    write_version(root, "forecast", "2")
    write_version(root, "slow", predict_seconds=0.4)
    write_version(root, "other", task="other")
    broken = write_version(root, "broken")
    (broken / "README.md").write_text("Somebody was here.\n", encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def service(models_dir: Path) -> Iterator[Service]:
    with running(models_dir) as one:
        yield one


@pytest.fixture(scope="session")
def narrow(models_dir: Path) -> Iterator[Service]:
    """A service whose every limit is within reach of a test."""
    with running(
        models_dir,
        max_body_bytes=1000,
        max_series=3,
        max_points=60,
        max_horizon=20,
        max_queue_size=3,
        max_batch_size=1,
        request_timeout_seconds=5.0,
    ) as one:
        yield one


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of the text tasks: the real one on a table of words, and a double."""
    root = tmp_path_factory.mktemp("texts")
    write_classifier(root)
    write_classifier(root, "sentiment-other")
    write_classifier(root, "classifier", task_name="classify")
    write_classifier(root, "classifier-several", features=SEVERAL, task_name="classify")
    write_authors(root)
    write_authors(root, "authorship-slow", encode_seconds=0.05)
    write_version(root)
    with running(root, tasks=TEXT_TASKS, max_texts=50, max_text_characters=20_000) as one:
        yield one


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of captions: one that does not attend, one that does, one that is long."""
    root = tmp_path_factory.mktemp("images")
    write_captioner(root)
    sure = ATTENDING.model_copy(update={"confidence": CONFIDENCE})
    write_captioner(root, "caption-attending", features=sure)
    long = FEATURES.model_copy(update={"max_length": 1000})
    write_captioner(root, "caption-long", features=long, ends=False)
    with running(root, tasks=IMAGE_TASKS, max_images=4, max_pixels=10_000) as one:
        yield one
