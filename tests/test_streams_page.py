"""docs/streams.md, run as a reader would: every block, in order, against a real service."""

import json
import re
from pathlib import Path

import pytest

from tests.reader import DOCS, blocks_of, reading

PAGE = DOCS / "streams.md"


@pytest.mark.slow
def test_the_page_can_be_followed(tmp_path: Path) -> None:
    blocks = blocks_of(PAGE)
    assert len(blocks) >= 12
    with reading(tmp_path) as reader:
        for kind, text in blocks:
            reader.follow(kind, text)
            if "-X PUT" in text:
                opened, first, second = map(json.loads, _objects(reader.outputs[-1]))
                assert (opened["position"], first["position"], second["position"]) == (0, 3, 4)
                assert len(first["steps"]) == 3
            elif kind == "sh" and text.startswith("curl") and "/steps" in text:
                again = json.loads(reader.outputs[-1])
                assert again == second | {"replayed": True}
            elif "predict stream pump-2" in text:
                answers = [float(line) for line in reader.outputs[-1].split()]
                assert len(answers) == 3


def _objects(text: str) -> list[str]:
    """JSON objects that were printed one after the other."""
    return re.sub(r"\}\s*\{", "}\n{", text).splitlines()
