"""Every form of texts and captions in docs/your-data.md reads as the page says."""

import re
from pathlib import Path

import pytest

from app.features.decoding import decoded
from app.training.classify.data import TableForm, read_labelled
from app.training.common.text_files import csv_rows

PAGE = (Path(__file__).parents[3] / "docs" / "your-data.md").read_text(encoding="utf-8")
_, TEXTS, CAPTIONS, LABELLED = re.split(
    "^## (?:Texts of|Images with|Labelled texts)", PAGE, flags=re.MULTILINE
)
BYTES = re.findall(r"^\| (.+?) \| `([0-9A-F ]+)` \| (.+?) \|$", TEXTS, flags=re.MULTILINE)
_FORM = r"^\| (.+?) \| (`.+?<br>.+?`) \| (.+?) \|$"
FORMS = re.findall(_FORM, CAPTIONS, flags=re.MULTILINE)
OF_LABELS = re.findall(_FORM, LABELLED, flags=re.MULTILINE)


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


@pytest.mark.parametrize(("form", "example", "said"), OF_LABELS)
def test_labelled_texts(tmp_path: Path, form: str, example: str, said: str) -> None:
    lines = [line.strip("`").replace("\\|", "|") for line in example.split("<br>")]
    another = lines[1].replace("delay", "luggage")  # two labels are needed
    path = tmp_path / "own.csv"
    path.write_text("\n".join([*lines, another]) + "\n")
    named = re.search("--text (\\w+) --label (\\w+)", form)
    columns = {"text": named[1], "label": named[2]} if named else {}
    separator = "|" if "--label-separator" in form else None
    data = read_labelled(path, TableForm(**columns, separator=separator))
    read = [
        f"{text}: {', '.join(data.labels[i] for i in marks.nonzero()[0]) or 'none'}"
        for text, marks in zip(data.texts, data.marks, strict=True)
    ]
    assert "; ".join(read[:-1]) == said


def test_the_page_has_forms() -> None:
    assert len(BYTES) == 7
    assert len(FORMS) == 6
    assert len(OF_LABELS) == 4
