"""How sure the network of docs/bring-your-own.md is of the rows that the page asks about.

`python -m tests.gestures` trains it as the page does, with five seeds, on one thread and on two,
and prints of every row the smallest margin: the logit of the label that the page promises, less
the largest of the other labels.
"""

import json
import re
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tests.reader import DOCS, blocks_of

PAGE = DOCS / "bring-your-own.md"
PROMISED = ("shake", "still", "shake", "circle")  # two rows of the request, two of ask.py

Floats = NDArray[np.float32]


def page_blocks() -> list[tuple[str, str]]:
    """Language and text of every block of the page."""
    return blocks_of(PAGE)


def block(start: str) -> str:
    """The text of the block that begins like this."""
    [text] = [text for _, text in page_blocks() if text.startswith(start)]
    return text


def asked_rows() -> tuple[Floats, NDArray[np.int64]]:
    """Readings (4, time, 3), padded, and lengths (4) of the rows that the page asks about."""
    request = block("curl -s http://127.0.0.1:8000/v2/models/gestures/infer")
    inputs = json.loads(request.split("'")[1])["inputs"]
    small = np.array(inputs[0]["data"], np.float32)
    script = block("# ask.py")
    names: dict[str, Any] = {"np": np}
    exec("\n".join(line for line in script.splitlines() if line.startswith("readings")), names)
    [lengths] = re.findall(r"np\.array\(\[(\d+), (\d+)\]\)", script)
    large: Floats = names["readings"]
    small = np.pad(small, ((0, 0), (0, large.shape[1] - small.shape[1]), (0, 0)))
    return np.concatenate([small, large]), np.array([*inputs[1]["data"], *map(int, lengths)])


def margins(logits: Floats) -> Floats:
    """Of every asked row (4, labels), by how much the promised label leads: (4)."""
    labels = ["still", "shake", "circle"]
    right = np.zeros(logits.shape, bool)
    right[np.arange(len(PROMISED)), [labels.index(label) for label in PROMISED]] = True
    found: Floats = logits[right] - np.where(right, -np.inf, logits).max(1)
    return found


def main() -> None:
    page: dict[str, Any] = {"__name__": "gestures"}
    exec(block("# gestures.py"), page)
    readings, lengths = (torch.from_numpy(array) for array in asked_rows())
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for seed in range(1, 6):
            start = time.process_time()
            network = page["train"](seed)
            seconds = time.process_time() - start
            with torch.no_grad():
                found = margins(network(readings, lengths).numpy())
                fresh, ends, labels = page["gestures"](1000)
                right = (network(fresh, ends).argmax(1) == labels).float().mean()
            shown = "  ".join(
                f"{name} {margin:5.2f}" for name, margin in zip(PROMISED, found, strict=True)
            )
            print(f"{threads} threads, seed {seed}: {shown}  right {right:.3f}  {seconds:.1f} s")


if __name__ == "__main__":
    main()
