"""Reads one's own labelled texts, in tables and in folders, and splits them. Knows no network.

A table has a text and its label in each row; a folder has a folder of .txt files for each label.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.features.text import without_half_pairs
from app.training.common.text_files import csv_rows, read_text
from app.training.sentiment.data import PARTS, Part, hashed_part
from app.training.sentiment.near_duplicates import near_duplicate_groups, text_key
from app.training.sentiment.tokenizer import normalizer

FEWEST_TEXTS: Final = 8
"""Texts of each label, near-duplicates counted once: at least one is wanted in each part."""
_FEW: Final = 100  # texts of a label
_MOST_LABELS: Final = 1000
_LONGEST_LABEL: Final = 200  # characters
_TOLD: Final = 10  # labels
_SHOWN: Final = 60  # characters of a text

Tell = Callable[[str], None]
_Row = tuple[str, tuple[str, ...], str]  # a text, its labels, and where it stands


def nobody(line: str) -> None:
    """Who is told when nobody wants to know."""


@dataclass(frozen=True)
class TableForm:
    """How a table of texts is read."""

    text: str = "text"  # the column of the texts
    label: str = "label"  # the column of the labels
    # what parts the labels in a cell; None: each text has one label
    separator: str | None = None
    encoding: str | None = None  # of files that are neither UTF-8 nor marked


PLAIN: Final = TableForm()


@dataclass(frozen=True)
class Labelled:
    """`texts` (n,) and which of `labels` each has, `marks` (n, labels) of 1 and 0.

    several: whether a text may have several labels, or none. sha256 by file.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    marks: NDArray[np.int64]
    several: bool
    sha256: dict[str, str]

    def classes(self) -> NDArray[np.int64]:
        """What a network learns: the class of each text (n,), or the marks (n, labels)."""
        return self.marks if self.several else self.marks.argmax(axis=1)

    def take(self, rows: Sequence[int]) -> "Labelled":
        """Some of the texts, in the order of `rows`."""
        texts = tuple(self.texts[row] for row in rows)
        return Labelled(texts, self.labels, self.marks[list(rows)], self.several, self.sha256)


def read_labelled(data: Path, form: TableForm = PLAIN, tell: Tell = nobody) -> Labelled:
    """The texts of a CSV file, or of a folder with a folder of .txt files for each label.

    `tell` is told what was read.

    Raises:
        FileNotFoundError: it is not there, or holds no texts.
        ValueError: a file cannot be read as it is meant, a text or a label is empty, or a label has
            too few texts; names file and line.
    """
    if data.is_dir():
        if form.separator is not None:
            raise ValueError(
                f"{data} is a folder, where each text has one label: several labels "
                "of a text are read from a table"
            )
        found, sums = _folders(data, form.encoding)
    elif data.is_file():
        found, sums = _table(data, form)
    else:
        raise FileNotFoundError(f"there is no file or folder {data}")
    if not found:
        raise FileNotFoundError(f"{data} holds no texts")
    counts = Counter(label for _, labels, _ in found for label in labels)
    labels = tuple(sorted(counts))
    _check_labels(data, labels, form)
    _check_texts(found)
    numbers = {label: number for number, label in enumerate(labels)}
    marks = np.zeros((len(found), len(labels)), np.int64)
    for row, (_, own, _) in zip(marks, found, strict=True):
        row[[numbers[label] for label in own]] = 1
    several = form.separator is not None
    each = ", ".join(f"{label} {count}" for label, count in counts.most_common(_TOLD))
    more = ", ..." if len(labels) > _TOLD else ""
    tell(f"read {len(found)} texts with {len(labels)} labels: {each}{more}")
    if several:
        tell(f"{int((marks.sum(axis=1) == 0).sum())} texts have none of the labels")
    return Labelled(tuple(text for text, _, _ in found), labels, marks, several, sums)


def split(data: Labelled, tell: Tell = nobody) -> dict[Part, Labelled]:
    """The parts train, select and report: 80 : 10 : 10 by a hash of the words.

    Near-duplicates stay together. Of a label with fewer than 100 texts, where chance might leave a
    part empty, it is a tenth each by the order of the hashes, at least one.

    Raises:
        ValueError: a label has too few texts that are no near-duplicates of each other.
    """
    groups = near_duplicate_groups(data.texts)
    firsts, group = np.unique(groups, return_inverse=True)
    marks = np.zeros((len(firsts), len(data.labels)), np.int64)
    np.maximum.at(marks, group, data.marks)  # (groups, labels)
    parts: list[Part] = [hashed_part(data.texts[first]) for first in firsts]
    order = [_digest(data.texts[first]) for first in firsts]
    frequency = marks.sum(axis=0)
    for label in np.argsort(frequency, kind="stable"):
        own = sorted(np.flatnonzero(marks[:, label]).tolist(), key=lambda row: order[row])
        if len(own) < FEWEST_TEXTS:
            raise ValueError(
                f"label {data.labels[label]!r} has {len(own)} texts that differ from each other; "
                f"at least {FEWEST_TEXTS} are needed to learn, choose and report"
            )
        if len(own) < _FEW:
            tenth = max(1, len(own) // 10)
            for place, row in enumerate(own):
                parts[row] = (
                    "select" if place < tenth else "report" if place < 2 * tenth else "train"
                )
    _tell_twice(data, groups, tell)
    rows = {part: [i for i, g in enumerate(group) if parts[g] == part] for part in PARTS}
    return {part: data.take(of) for part, of in rows.items()}


def _tell_twice(data: Labelled, groups: NDArray[np.intp], tell: Tell) -> None:
    repeated = len(groups) - len(np.unique(groups))
    if not repeated:
        return
    differing = sum(
        bool((data.marks[groups == first] != data.marks[first]).any())
        for first, count in Counter(groups.tolist()).items()
        if count > 1
    )
    tell(
        f"{repeated} texts say the same as another one in nearly the same words, and stay in its "
        f"part; {differing} such groups have different labels"
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text_key(text).encode()).digest()[1:]


def _at(tenth: int) -> Part:
    return "select" if tenth == 0 else "report" if tenth == 1 else "train"


def _check_labels(data: Path, labels: Sequence[str], form: TableForm) -> None:
    if len(labels) < 2:
        found = f"the label {labels[0]!r} only" if labels else "no label"
        raise ValueError(f"{data} has {found}: two are needed to tell apart")
    if len(labels) > _MOST_LABELS:
        raise ValueError(
            f"{data} has {len(labels)} different labels, at most {_MOST_LABELS} are learned: is "
            f"{form.label!r} the column of the labels?"
        )


def _check_texts(found: Sequence[_Row]) -> None:
    """Nothing may be left of a text once it is read as the service reads it."""
    plain = normalizer()
    for text, _, where in found:
        if not plain.normalize_str(without_half_pairs(text)).strip():
            raise ValueError(f"{where}: nothing of the text is left to read: {text[:_SHOWN]!r}")


def _table(path: Path, form: TableForm) -> tuple[list[_Row], dict[str, str]]:
    text_column, label_column = form.text.strip().lower(), form.label.strip().lower()
    found: list[_Row] = []
    for line, row in csv_rows(path, (text_column, label_column), form.encoding):
        text, cell = row[text_column], row[label_column].strip()
        if form.separator is None:
            labels = [cell]
            if not cell:
                raise ValueError(f"{path} line {line}: the {form.label} is empty")
        else:
            labels = [part.strip() for part in cell.split(form.separator) if part.strip()]
        for label in labels:
            if len(label) > _LONGEST_LABEL:
                raise ValueError(
                    f"{path} line {line}: the {form.label} has {len(label)} characters, at most "
                    f"{_LONGEST_LABEL} are allowed: is it the column of the labels?"
                )
        found.append((text, tuple(dict.fromkeys(labels)), f"{path} line {line}"))
    return found, {path.name: _sha256(path)}


def _folders(data: Path, encoding: str | None) -> tuple[list[_Row], dict[str, str]]:
    found: list[_Row] = []
    sums: dict[str, str] = {}
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        for path in sorted(folder.iterdir()):
            # files that begin with a dot are a system's own
            if path.suffix.lower() != ".txt" or path.name.startswith(".") or not path.is_file():
                continue
            text = read_text(path, encoding)
            found.append((text, (folder.name,), str(path)))
            sums[f"{folder.name}/{path.name}"] = _sha256(path)
    if not found:
        raise FileNotFoundError(f"{data} holds no folders of .txt files, one folder per label")
    whole = hashlib.sha256("".join(f"{name} {each}\n" for name, each in sums.items()).encode())
    return found, {"texts": whole.hexdigest()}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
