"""No answer and no metric is ever NaN or infinite, whatever a network has computed."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from app.api.responses import answer_json
from app.errors import InferenceFailed
from app.telemetry.collectors import LABELS, histogram
from tests.api.doubles import NaiveExample, NaivePrediction, NaiveTask, write_version
from tests.api.service import running
from tests.samples import sample


class Overflows(NaiveTask):
    """Its answers leave the range of doubles where its inputs nearly do."""

    def predict(self, examples: Sequence[NaiveExample]) -> list[NaivePrediction]:
        return [
            replace(each, mean=[value * 2 / 2 for value in each.mean])
            for each in super().predict(examples)
        ]


@pytest.mark.parametrize("last", [1e308, -1e308])
def test_an_answer_that_is_not_finite_is_none(tmp_path: Path, last: float) -> None:
    write_version(tmp_path)
    with running(tmp_path, tasks={"forecast": Overflows}) as service:
        answer = service.forecast(series=[1, last])
        assert answer.status_code == 500
        assert answer.json()["type"] == "urn:unroll:problem:inference-failed"
        assert answer.json()["detail"] == "the answer is not finite"
        assert service.forecast(series=[1, 2]).status_code == 200


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("shape", [lambda x: x, lambda x: [1, [x]], lambda x: {"a": ({"b": x},)}])
def test_wherever_it_stands(value: float, shape: Any) -> None:
    with pytest.raises(InferenceFailed):
        answer_json(shape(value))


def test_texts_may_hold_the_words() -> None:
    assert answer_json({"text": "NaN and Infinity", "score": 1.5}) == (
        b'{"text":"NaN and Infinity","score":1.5}'
    )


def test_a_metric_leaves_out_what_is_not_finite() -> None:
    seen = histogram("unroll_test_finite", "Of this test.", ("model",), buckets=(1.0,))
    try:
        for value in (0.5, math.nan, math.inf, -math.inf):
            seen.labels("a").observe(value)
        assert sample("unroll_test_finite_sum", model="a") == 0.5
        assert sample("unroll_test_finite_count", model="a") == 1
    finally:
        REGISTRY.unregister(seen)
        del LABELS[seen]
