"""Every form of texts and captions in docs/your-data.md reads as the page says."""

import re
from pathlib import Path

import pytest

from app.features.decoding import decoded
from app.training.common.text_files import csv_rows

PAGE = (Path(__file__).parents[3] / "docs" / "your-data.md").read_text(encoding="utf-8")
_, TEXTS, CAPTIONS = re.split("^## (?:Texts of|Images with)", PAGE, flags=re.MULTILINE)
BYTES = re.findall(r"^\| (.+?) \| `([0-9A-F ]+)` \| (.+?) \|$", TEXTS, flags=re.MULTILINE)
FORMS = re.findall(r"^\| (.+?) \| (`.+?<br>.+?`) \| (.+?) \|$", CAPTIONS, flags=re.MULTILINE)


@pytest.mark.parametrize(("form", "example", "said"), BYTES)
def test_a_text(form: str, example: str, said: str) -> None:
    told = re.search(r"--encoding (\S+)`", form)
    text = decoded(bytes.fromhex(example), "a.txt", told[1] if told else None)
    assert text == ("a\nb\nc" if "lines" in said else said)


@pytest.mark.parametrize(("form", "example", "said"), FORMS)
def test_captions(tmp_path: Path, form: str, example: str, said: str) -> None:
    lines = [line.strip("`") for line in example.split("<br>")]
    (tmp_path / "captions.csv").write_text("\n".join(lines) + "\n")
    [(_, row)] = csv_rows(tmp_path / "captions.csv", ("image", "caption"))
    assert f"{row['image']}: {row['caption']}" == said


def test_the_page_has_forms() -> None:
    assert len(BYTES) == 7
    assert len(FORMS) == 6
