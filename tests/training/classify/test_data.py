"""Labelled texts of one's own: which forms are read, what is refused, which part a text is in."""

from pathlib import Path

import numpy as np
import pytest

from app.training.classify.data import FEWEST_TEXTS, Labelled, TableForm, read_labelled, split
from tests.keywords import spelled


def table(folder: Path, content: str, name: str = "own.csv") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def labels_of(data: Labelled) -> list[tuple[str, ...]]:
    return [tuple(data.labels[i] for i in np.flatnonzero(row)) for row in data.marks]


def test_a_table_of_texts_and_labels(tmp_path: Path) -> None:
    path = table(tmp_path, 'Text,Label\n"late, again", delay \n\nlost bag,luggage\nlate,delay\n')
    told: list[str] = []
    data = read_labelled(path, tell=told.append)
    assert data.texts == ("late, again", "lost bag", "late")
    assert data.labels == ("delay", "luggage")
    assert data.classes().tolist() == [0, 1, 0]
    assert told == ["read 3 texts with 2 labels: delay 2, luggage 1"]


def test_columns_by_other_names_and_semicolons(tmp_path: Path) -> None:
    path = table(tmp_path, "id;Body;Topic\n1;late, again;delay\n2;lost;luggage\n")
    data = read_labelled(path, TableForm(text="body", label="TOPIC"))
    assert labels_of(data) == [("delay",), ("luggage",)]


def test_several_labels_a_text_or_none(tmp_path: Path) -> None:
    path = table(tmp_path, "text,label\nboth,a | b\none,b\nnone,\ntwice,a|a\n")
    told: list[str] = []
    data = read_labelled(path, TableForm(separator="|"), told.append)
    assert data.several
    assert labels_of(data) == [("a", "b"), ("b",), (), ("a",)]
    np.testing.assert_array_equal(data.classes(), [[1, 1], [0, 1], [0, 0], [1, 0]])
    assert told[-1] == "1 texts have none of the labels"


def test_a_folder_for_each_label(tmp_path: Path) -> None:
    for label, name, text in (("b", "2", "two"), ("a", "1", "one"), ("a", "3", "three")):
        (tmp_path / label).mkdir(exist_ok=True)
        (tmp_path / label / f"{name}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "a" / ".DS_Store.txt").write_text("x", encoding="utf-8")
    (tmp_path / "a" / "notes.md").write_text("x", encoding="utf-8")
    data = read_labelled(tmp_path)
    assert data.texts == ("one", "three", "two")
    assert labels_of(data) == [("a",), ("a",), ("b",)]
    with pytest.raises(ValueError, match="is a folder, where each text has one label"):
        read_labelled(tmp_path, TableForm(separator=","))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("body,label\nx,a\n", r"own\.csv needs the columns text and label"),
        ("text,label\nx,a\ny\n", r"own\.csv line 3 has 1 cells, and the header 2"),
        ("text,label\nx,a\ny,\n", r"own\.csv line 3: the label is empty"),
        ("text,label\nx,a\n ,b\n", r"own\.csv line 3: nothing of the text is left to read"),
        ("text,label\nx,a\n<br />,b\n", r"own\.csv line 3: nothing of the text is left to read"),
        ("text,label\nx,a\ny,a\n", r"own\.csv has the label 'a' only"),
        (f"text,label\nx,a\ny,{'b' * 201}\n", r"own\.csv line 3: the label has 201 characters"),
    ],
)
def test_what_is_refused_is_named_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_labelled(table(tmp_path, content))


def test_a_column_that_is_not_of_labels_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"x,{i}\n" for i in range(1001))
    with pytest.raises(ValueError, match="is 'label' the column of the labels"):
        read_labelled(table(tmp_path, f"text,label\n{rows}"))


def test_nothing_there(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "no.csv", "there is no file or folder"),
        (tmp_path, "holds no folders of .txt files"),
        (table(tmp_path, "text,label\n"), "holds no texts"),
    ):
        with pytest.raises(FileNotFoundError, match=message):
            read_labelled(path)


def own(counts: dict[str, int]) -> Labelled:
    found = [
        (f"{spelled(i * 977)} or {label} {spelled(i)} and {spelled(i + 5000)} are late", label)
        for label, count in counts.items()
        for i in range(count)
    ]
    labels = tuple(sorted(counts))
    marks = np.array([[label == each for each in labels] for _, label in found], np.int64)
    return Labelled(tuple(text for text, _ in found), labels, marks, False, {})


def test_every_label_is_in_every_part_and_no_text_in_two() -> None:
    data = own({"many": 300, "some": 30, "few": FEWEST_TEXTS})
    parts = split(data)
    texts = [text for part in parts.values() for text in part.texts]
    assert sorted(texts) == sorted(data.texts)
    for part in parts.values():
        assert (part.marks.sum(axis=0) > 0).all()
    few = {name: int(part.marks[:, 0].sum()) for name, part in parts.items()}
    assert few == {"train": FEWEST_TEXTS - 2, "select": 1, "report": 1}
    assert 0.7 < len(parts["train"].texts) / len(data.texts) < 0.9


def test_near_duplicates_stay_together_and_are_told() -> None:
    data = own({"a": 40, "b": 40})
    again = tuple(f"RT @x: {text} http://t.co/1" for text in data.texts)
    marks = data.marks.copy()
    marks[0] = marks[0, ::-1]
    twice = Labelled(
        data.texts + again, data.labels, np.concatenate([data.marks, marks]), False, {}
    )
    told: list[str] = []
    parts = split(twice, told.append)
    for part in parts.values():
        plain = {text for text in part.texts if not text.startswith("RT")}
        assert {f"RT @x: {text} http://t.co/1" for text in plain} == set(part.texts) - plain
    assert told[0].startswith("80 texts say the same as another one")
    assert told[0].endswith("1 such groups have different labels")


def test_a_label_with_too_few_texts_is_refused() -> None:
    with pytest.raises(ValueError, match="label 'rare' has 7 texts that differ"):
        split(own({"often": 50, "rare": FEWEST_TEXTS - 1}))
    # near-duplicates count once
    data = own({"a": 50, "b": FEWEST_TEXTS - 1})
    again = Labelled(
        (*data.texts, data.texts[-1].upper()),
        data.labels,
        np.concatenate([data.marks, data.marks[-1:]]),
        False,
        {},
    )
    with pytest.raises(ValueError, match="label 'b' has 7 texts that differ"):
        split(again)
