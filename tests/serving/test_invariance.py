"""Shipped models give the same answer to the bit, whatever else is in the batch."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.main import TASKS
from app.serving.models.loader import LoadedModel, ServingOptions, load_version
from tests.shipped import SHIPPED, shipped_folder


@pytest.fixture(scope="module", params=SHIPPED)
def model(request: pytest.FixtureRequest) -> Iterator[LoadedModel]:
    one = load_version(shipped_folder(request.param), TASKS, ServingOptions(workers=2))
    yield one
    assert one.close(timeout=60)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_answer_never_depends_on_its_batch_mates(model: LoadedModel, data: Any) -> None:
    examples = [model.task.encode(**golden.request) for golden in model.manifest.golden]
    short = [each for each in examples if each.length <= 1000]
    alone = [json.dumps(model.task.predict([each])[0].to_json()) for each in short]
    places = data.draw(st.lists(st.integers(0, len(short) - 1), min_size=1, max_size=20))
    futures = model.scheduler.submit_many([short[place] for place in places])
    for place, future in zip(places, futures, strict=True):
        assert json.dumps(future.result(60).prediction.to_json()) == alone[place]
