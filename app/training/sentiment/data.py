"""Reads the labelled texts and splits them; knows files, labels and parts, not networks.

Sources, each with a held-out `select` (stops, calibrates, chooses) and `report` (chooses
nothing):

* `airline`: groups of near-duplicate tweets go 80 : 10 : 10 by a hash of their words.
* `sst2`: `report` is the dev file. `select` is a tenth of the training sentences, whole; of
  the training phrases only those stay that are no part of a held-out sentence.
* `imdb`: the file goes film by film, and films with reviews of both labels come first in both
  halves of it, in one order. Parts are stretches of this order, with a gap between: no film is in
  two parts, as none is in both halves of the data set (Maas et al. 2011, section 4.1).
* `facts`: sentences out of running text, a tenth `select`, none reported; `sentences`: those of
  them that may be used for anything, and more of these.
* `plain`: made by `plain_texts`, but `report`, which was written by hand. It gives way: a
  sentence that another source has, in whatever part, stays there alone.
* `everyday`: made by `everyday_texts`, but `select` and `report`, which were written by hand.

At the end no training text has a near-duplicate in a held-out part, nor `select` in `report`;
of what is made, whose templates stand in both, none has the same words. The sentences of
`everyday` that were written by hand are never learned, whichever source has them, not even by a
version that learns all else.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from app.training.common.text_files import csv_rows
from app.training.sentiment.everyday_judged import EVERYDAY
from app.training.sentiment.everyday_select import SELECT
from app.training.sentiment.everyday_texts import everyday_texts
from app.training.sentiment.labels import LABELS, Label
from app.training.sentiment.natural_texts import FILES, OPEN_FILES, natural_texts, open_texts
from app.training.sentiment.near_duplicates import Words, near_duplicate_groups, text_key, words_of
from app.training.sentiment.plain_judged import JUDGED
from app.training.sentiment.plain_texts import plain_texts

Part = Literal["train", "select", "report"]
PARTS: Final[tuple[Part, ...]] = ("train", "select", "report")
HeldOut = Literal["select", "report"]
HELD_OUT: Final[tuple[HeldOut, ...]] = ("select", "report")
Placed = tuple["Text", Part | None]

MADE: Final = ("plain", "everyday")
"""The sources whose texts are made, not read from files."""
OPEN: Final = (*MADE, "sentences")
"""The sources from which weights may be learned that may be used for anything."""
_JUDGED_EVERYDAY: Final = [one for kind in EVERYDAY.values() for one in kind]
_EVERYDAY_TEXTS: Final = 40_000
_MADE_TEXTS: Final[tuple[tuple[Literal["train", "select"], int], ...]] = (
    ("train", 9000),
    ("select", 900),
)

_STRETCHES: Final[dict[Label, tuple[tuple[int, int, Part], ...]]] = {
    "negative": (  # films with positive reviews too come before about 3,940
        (0, 350, "select"),
        (390, 3545, "train"),
        (3585, 4835, "report"),
        (4875, 11560, "train"),
        (11600, 12500, "select"),
    ),
    "positive": ((0, 1250, "select"), (1350, 11150, "train"), (11250, 12500, "report")),
}


@dataclass(frozen=True, slots=True)
class Text:
    """One labelled text as its source has it, with links, markup and all.

    `confidence` is how sure those were who gave the label, 0 to 1.
    """

    text: str
    label: Label
    source: str
    confidence: float = 1.0


@dataclass(frozen=True)
class TextSplit:
    """The three parts; a text in one has no near-duplicate in another."""

    train: tuple[Text, ...]
    select: tuple[Text, ...]
    report: tuple[Text, ...]

    def of(self, part: Part, source: str | None = None) -> list[Text]:
        """The texts of a part, or of one source in it."""
        texts: tuple[Text, ...] = getattr(self, part)
        return [one for one in texts if source is None or one.source == source]


def read_texts(root: Path, only: Sequence[str] = ()) -> TextSplit:
    """The texts of all sources found below `root`, or `only` of some, split; 15 seconds.

    Made ones come with others, or where they are named.

    Raises:
        FileNotFoundError: no source is there, or not one of `only`, or a part of one.
        ValueError: `only` names an unknown source, or a file has an unknown label.
    """
    parts: dict[Part, list[tuple[Text, str]]] = {part: [] for part in PARTS}
    given: set[str] = set()  # words of texts that were not made
    for text, part in _placed(root, only):
        key = text_key(text.text)
        if text.source not in MADE:
            given.add(key)
        elif text.source == "plain" and key in given:
            continue
        if part is not None:
            parts[part].append((text, key))
    kept: dict[Part, tuple[Text, ...]] = {}
    taken: set[str] = set()  # words of held-out texts, of whatever source
    for part in reversed(PARTS):
        keyed = parts[part]
        kept[part] = tuple(one for one, key in keyed if key not in taken)
        taken.update(key for _, key in keyed)
    return TextSplit(**kept)


def all_texts(root: Path, only: Sequence[str] = ()) -> tuple[Text, ...]:
    """Every text of the sources, held out or not, each once: what nobody will be scored on.

    But for the everyday sentences written by hand, which every version is scored on.

    Raises as `read_texts` does.
    """
    found: dict[tuple[str, str, Label], Text] = {}
    never = {text_key(text) for text, _ in (*_JUDGED_EVERYDAY, *SELECT)}
    for one, _ in _placed(root, only):
        if text_key(one.text) not in never:
            found.setdefault((one.source, one.text, one.label), one)
    return tuple(found.values())


def _placed(root: Path, only: Sequence[str]) -> Iterator[Placed]:
    """Every text and the part that its source puts it in."""
    unknown = set(only) - set(SOURCES)
    if unknown:
        raise ValueError(f"unknown source {sorted(unknown)}; known: {sorted(SOURCES)}")
    count = 0
    for name, (files, place) in SOURCES.items():
        missing = [file for file in files if not (root / file).is_file()]
        there = len(missing) < len(files) or (name in MADE and count > 0)
        if name not in only and (only or not there):
            continue
        if missing:
            raise FileNotFoundError(f"source {name!r} needs {root / missing[0]}")
        for text, part in place(*(root / file for file in files)):
            count += part is not None
            yield text, part
    if not count:
        listed = ", ".join(file for files, _ in SOURCES.values() for file in files)
        raise FileNotFoundError(f"no labelled texts in {root}: expected some of {listed}")


def text_sha256(root: Path, names: Iterable[str]) -> dict[str, str]:
    """File name below `root` -> sha256 of every file behind the sources `names`.

    Of a made source, the sha256 of its labels and texts, under its own name.
    """
    names = sorted(names)
    files = [file for name in names for file in SOURCES[name][0]]
    found = {file: hashlib.sha256((root / file).read_bytes()).hexdigest() for file in files}
    for name in sorted(set(MADE) & set(names)):
        made = SOURCES[name][1]()
        lines = "".join(f"{part} {one.label} {one.text}\n" for one, part in made)
        found[name] = hashlib.sha256(lines.encode()).hexdigest()
    return found


def _airline(tweets: Path) -> list[Placed]:
    rows = _rows(tweets, "airline_sentiment")
    groups = near_duplicate_groups([row["text"] for row in rows])
    return [
        (
            Text(
                row["text"],
                _label(row["airline_sentiment"], tweets),
                "airline",
                float(row.get("airline_sentiment_confidence") or 1.0),
            ),
            hashed_part(rows[first]["text"]),
        )
        for row, first in zip(rows, groups.tolist(), strict=True)
    ]


def _sst2(dev: Path, phrases: Path, sentences: Path) -> list[Placed]:
    reported, phrased, whole = (
        [Text(row["text"], _label(row["label"], file), "sst2") for row in _rows(file)]
        for file in (dev, phrases, sentences)
    )
    everything = [*reported, *phrased, *whole]
    groups = near_duplicate_groups([one.text for one in everything]).tolist()
    held: dict[int, Part] = dict.fromkeys(groups[: len(reported)], "report")
    for group in groups[len(reported) + len(phrased) :]:
        if group not in held and hashed_part(everything[group].text) == "select":
            held[group] = "select"
    # the file of sentences has lost punctuation; the phrases often have the sentence with it
    spelled = {words_of(one.text): one.text for one in sorted(phrased, key=lambda p: len(p.text))}
    placed: list[Placed] = [(one, "report") for one in reported]
    for one, group in zip(whole, groups[len(reported) + len(phrased) :], strict=True):
        if held.get(group) == "select":
            text = spelled.get(words_of(one.text), one.text)
            placed.append((Text(text, one.label, "sst2"), "select"))
    pieces = {piece for one, _ in placed for piece in _pieces(words_of(one.text))}
    for one, group in zip(phrased, groups[len(reported) : -len(whole)], strict=True):
        outside = group not in held and words_of(one.text) not in pieces
        placed.append((one, "train" if outside else None))
    return placed


def _imdb(reviews: Path) -> list[Placed]:
    placed: list[Placed] = []
    for row in _rows(reviews):
        text = Text(row["text"], _label(row["label"], reviews), "imdb")
        number = int(row["id"])
        parts = [part for low, high, part in _STRETCHES[text.label] if low <= number < high]
        placed.append((text, parts[0] if parts else None))
    groups = near_duplicate_groups([text.text for text, _ in placed])
    # a review that was handed in for two films stays in the part that matters most
    last: dict[int, int] = {}
    for group, (_, part) in zip(groups.tolist(), placed, strict=True):
        if part is not None:
            last[group] = max(PARTS.index(part), last.get(group, 0))
    return [
        (text, part if part is None or PARTS.index(part) == last[group] else None)
        for group, (text, part) in zip(groups.tolist(), placed, strict=True)
    ]


def _pieces(words: Words) -> Iterable[Words]:
    """Every run of words of a sentence."""
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            yield words[start:end]


def hashed_part(text: str) -> Part:
    """80 : 10 : 10 by the words alone."""
    tenth = hashlib.sha256(text_key(text).encode()).digest()[0] % 10
    return "report" if tenth == 9 else "select" if tenth == 8 else "train"


def _label(cell: str, path: Path) -> Label:
    for label in LABELS:
        if cell in (label, {"negative": "0", "positive": "1"}.get(label)):
            return label
    raise ValueError(f"{path}: unknown label {cell!r}; known: 0, 1, {', '.join(LABELS)}")


def _rows(path: Path, label: str = "label") -> list[dict[str, str]]:
    return [row for _, row in csv_rows(path, ("text", label), hint="")]


@cache
def _plain() -> list[Placed]:
    placed: list[Placed] = [(Text(text, label, "plain"), "report") for text, label in JUDGED]
    for part, count in _MADE_TEXTS:
        placed += [(Text(text, label, "plain"), part) for text, label in plain_texts(part, count)]
    return placed


@cache
def _everyday() -> list[Placed]:
    parts: tuple[tuple[Part, Iterable[tuple[str, Label]]], ...] = (
        ("report", _JUDGED_EVERYDAY),
        ("select", SELECT),
        ("train", everyday_texts(_EVERYDAY_TEXTS)),
    )
    return [(Text(text, label, "everyday"), part) for part, texts in parts for text, label in texts]


def _distant(source: str, texts: Iterable[tuple[str, Label, float]]) -> list[Placed]:
    placed: list[Placed] = []
    for text, label, confidence in texts:
        part: Part = "select" if hashed_part(text) == "select" else "train"
        placed.append((Text(text, label, source, confidence), part))
    return placed


SOURCES: Final[dict[str, tuple[tuple[str, ...], Callable[..., list[Placed]]]]] = {
    "airline": (("airline_sentiment/tweets.csv.gz",), _airline),
    "sst2": (
        ("sst2/dev.csv.gz", "sst2/train_phrases.csv.gz", "sst2/sentences_stripped_train.csv.gz"),
        _sst2,
    ),
    "imdb": (("imdb/train.csv.gz",), _imdb),
    "facts": (FILES, lambda *files: _distant("facts", natural_texts(*files))),
    "sentences": (OPEN_FILES, lambda *files: _distant("sentences", open_texts(*files))),
    "plain": ((), _plain),  # what is made comes last: it gives way to those before it
    "everyday": ((), _everyday),
}
