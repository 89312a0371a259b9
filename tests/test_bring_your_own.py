"""docs/bring-your-own.md, run as a reader would: every block, in order, against a real service."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests import fresh
from tests.gestures import asked_rows, margins, page_blocks
from tests.reader import Reader, reading


def smallest_margin(reader: Reader) -> float:
    """By how much the labels lead that the page promises for its rows; below 0: they do not."""
    readings, lengths = asked_rows()
    inputs = [
        {"name": name, "datatype": kind, "shape": list(array.shape), "data": array.tolist()}
        for name, kind, array in (
            ("readings", "FP32", readings),
            ("lengths", "INT64", lengths),
        )
    ]
    answer = fresh.post(
        f"http://{reader.address}/v2/models/gestures/infer", json={"inputs": inputs}
    )
    [logits] = answer.json()["outputs"]
    array = np.array(logits["data"], np.float32).reshape(logits["shape"])
    return float(margins(array).min())


@pytest.mark.slow
def test_the_page_can_be_followed(tmp_path: Path) -> None:
    blocks = page_blocks()
    assert len(blocks) >= 12
    with reading(tmp_path) as reader:
        for kind, text in blocks:
            reader.follow(kind, text)
            if "--version-of" in text:  # as the page says: within UNROLL_WATCH_SECONDS
                reader.wait("/models/gestures", lambda answer: answer.json()["version"] == "2")
            elif "/infer" in text and kind == "sh":
                answer = json.loads(reader.outputs[-1])
                assert (answer["model_name"], answer["model_version"]) == ("gestures", "1")
                [logits] = answer["outputs"]
                assert [value.split(":")[2] for value in logits["data"]] == ["shake", "still"]
                # Far more than a thread, a kernel or a seed changes: see tests/gestures.py.
                assert smallest_margin(reader) > 1.0
            elif "/load" in text:
                answer = reader.wait("/models/gestures", lambda _: True).json()
                assert answer["version"] == "1"
        models = fresh.get(f"http://{reader.address}/models").json()["models"]
        assert {(each["name"], each["task"]) for each in models} >= {("gestures", "tensor")}
        listed = reader.run("unroll models --models-dir models")
        assert re.search(r"gestures\W+2\W+tensor\W+lstm", listed)
