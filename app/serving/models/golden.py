"""Golden examples: does a network still give the answers it gave? Knows JSON values only.

They are replayed alone and inside a full, padded batch. That also tests that an example's answer
never depends on its batch-mates, and it warms the session up.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from pydantic import JsonValue

from app.errors import ModelRefused
from app.serving.models.manifest import Manifest
from app.serving.runtime.throttle import Throttle, no_throttle
from app.serving.scheduling.costs import Predict
from app.serving.task import Revised, Task

# Tolerances for other processors, which round differently; wrong files or features differ more.
_MANIFEST_RELATIVE: Final = 1e-3
_MANIFEST_SCALE: Final = 1e-4
# On one processor only the kernel may differ, with the batch size.
_BATCH_RELATIVE: Final = 1e-5


def replay(
    task: Task[Any, Any],
    manifest: Manifest,
    batch_size: int,
    throttle: Throttle = no_throttle,
    predict: Predict | None = None,
) -> list[Any]:
    """Answer every golden request alone and in a batch; `throttle` is called in between.

    `predict` is used instead of the task's own, if it is given. Returns the requests as examples.

    Raises:
        ModelRefused: a request is refused or a value differs; the message names the first one.
    """
    predict = predict or task.predict
    examples = []
    for index, golden in enumerate(manifest.golden):
        try:
            examples.append(task.encode(**golden.request))
        except Exception as error:
            raise ModelRefused(
                f"golden[{index}]: the request was refused: {_text(error)}"
            ) from error
        throttle()
    alone = []
    for example in examples:
        alone += _answers(predict, [example])
        throttle()
    for index, (golden, answer) in enumerate(zip(manifest.golden, alone, strict=True)):
        expected = golden.answer
        if isinstance(task, Revised):
            expected = task.still_answered(expected)
            if isinstance(answer, dict):
                answer = {key: answer[key] for key in expected if key in answer}
        difference = first_difference(
            expected, answer, relative=_MANIFEST_RELATIVE, scale=_MANIFEST_SCALE
        )
        if difference:
            raise ModelRefused(f"golden[{index}]: {difference}")

    # Full batches: the examples are repeated from the first, so that the last batch is full, too.
    size = max(2, batch_size)
    for start in range(0, len(examples), size):
        rows = [(start + row) % len(examples) for row in range(size)]
        answers = _answers(predict, [examples[index] for index in rows])
        throttle()
        for index, answer in zip(rows, answers, strict=True):
            difference = first_difference(
                alone[index], answer, relative=_BATCH_RELATIVE, scale=_BATCH_RELATIVE
            )
            if difference:
                raise ModelRefused(
                    f"golden[{index}]: the answer depends on its batch-mates: {difference}"
                )
    return examples


def first_difference(
    expected: JsonValue,
    actual: JsonValue,
    *,
    relative: float,
    scale: float,
    path: str = "",
    magnitude: float = 0.0,
) -> str:
    """Where and how two JSON values first differ; empty if they agree.

    Two numbers agree when they differ by at most `relative` of the expected one plus `scale` of
    `magnitude`, the greatest number next to it in the same list or object: an error of 1e-6
    matters beside 1e-6 and not beside 1000. Whole numbers, texts and structure agree exactly.
    """
    where = path or "answer"
    if isinstance(expected, dict) and isinstance(actual, dict):
        if expected.keys() != actual.keys():
            return f"{where}: expected the fields {sorted(expected)}, got {sorted(actual)}"
        beside = _magnitude(list(expected.values()))
        pairs = [(f"{path}.{key}" if path else key, expected[key], actual[key]) for key in expected]
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            return f"{where}: expected {len(expected)} values, got {len(actual)}"
        beside = _magnitude(expected)
        pairs = [
            (f"{path}[{index}]", *pair)
            for index, pair in enumerate(zip(expected, actual, strict=True))
        ]
    else:
        same = _same(expected, actual, relative, scale * magnitude)
        return "" if same else f"{where}: expected {expected!r}, got {actual!r}"
    for at, left, right in pairs:
        difference = first_difference(
            left, right, relative=relative, scale=scale, path=at, magnitude=beside
        )
        if difference:
            return difference
    return ""


def _same(expected: JsonValue, actual: JsonValue, relative: float, absolute: float) -> bool:
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, int) and isinstance(actual, int):
        return expected == actual
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return abs(actual - expected) <= relative * abs(expected) + absolute
    return expected == actual


def _magnitude(values: Sequence[JsonValue]) -> float:
    return max((abs(value) for value in values if isinstance(value, float)), default=0.0)


def _answers(predict: Predict, examples: Sequence[Any]) -> list[JsonValue]:
    """The answers as a client reads them: written as JSON and parsed again."""
    try:
        predictions = predict(examples)
    except Exception as error:
        raise ModelRefused(f"the golden examples cannot be computed: {_text(error)}") from error
    if len(predictions) != len(examples):
        raise ModelRefused(f"{len(predictions)} answers to {len(examples)} golden examples")
    answers: list[JsonValue] = []
    for prediction in predictions:
        try:
            answers.append(json.loads(json.dumps(prediction.to_json(), allow_nan=False)))
        except (TypeError, ValueError) as error:
            raise ModelRefused(f"an answer cannot be written as JSON: {error}") from error
    return answers


def _text(error: Exception) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
