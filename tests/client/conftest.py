"""A service with every task that has a double, and clients of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.main import TASKS as ALL
from app.tasks.caption.task import CaptionTask
from app.tasks.generate.task import GenerateTask
from app.tasks.sentiment import SentimentTask
from app.tasks.translate.task import TranslateTask
from tests.api.authors import WordTask, write_authors
from tests.api.doubles import NaiveTask, write_version
from tests.api.service import Service, running
from tests.captioner import ATTENDING, write_captioner
from tests.classifier import write_classifier
from tests.streams import write_single_step, write_stream_version
from tests.translator import write_translator
from tests.writer import write_writer
from unroll_client import Client

TASKS = {
    "forecast": NaiveTask,
    "sentiment": SentimentTask,
    "authorship": WordTask,
    "caption": CaptionTask,
    "translate": TranslateTask,
    "generate": GenerateTask,
    "tensor": ALL["tensor"],
}


def write_models(root: Path) -> Path:
    write_version(root)
    write_classifier(root)
    write_authors(root)
    write_captioner(root, features=ATTENDING)
    write_translator(root)
    write_writer(root)
    write_single_step(root)
    write_stream_version(root, "lstm")
    return root


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = write_models(tmp_path_factory.mktemp("models"))
    with running(root, tasks=TASKS, streams_url="memory://") as one:
        yield one


@pytest.fixture
def url(service: Service) -> str:
    return str(service.http.base_url)


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url) as one:
        yield one
