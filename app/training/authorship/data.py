"""Reads texts of known authors, cleans them of what names the author, and splits them.

Knows the layouts of the two public collections and of a folder of one's own; knows no network.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np

from app.features.characters import WORD, squeeze
from app.training.common.text_files import csv_rows, read_text

FEDERALIST: Final = "federalist_85.csv.gz"
REUTERS: Final = "train.csv.gz"
REUTERS_TEST: Final = "test.csv.gz"
COURSE_UNKNOWN: Final = (17, 30, 38, 43, 60)
_SALUTATION: Final = re.compile(
    r"^\s*To the People of the State of New York[:.]?\s*", re.IGNORECASE
)
_SIGNATURE: Final = re.compile(r"\bPUBLIUS\b.*", re.DOTALL)  # and the footnotes behind it
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_HEADER_WORDS: Final = 12
_HEADER_PARAGRAPHS: Final = 10
_SHINGLE: Final = 8
_TOLD: Final = 10  # authors, and files that were left out


@dataclass(frozen=True)
class Document:
    """One text; `author` is "" where it is not known, `order` sorts an author's texts in time.

    A document that is `kept_back` takes part in cross-validation, and is neither trained on nor
    calibrated on by what is published.
    """

    name: str
    author: str
    text: str
    order: int = 0
    kept_back: bool = False

    @property
    def fingerprint(self) -> str:
        """Tells whether a text was trained on."""
        return hashlib.sha256(squeeze(self.text)[0].encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Corpus:
    """Documents to learn from, and `others`: kept out of all training, by what they are called."""

    kind: str
    authors: tuple[str, ...]
    documents: tuple[Document, ...]
    masked_words: tuple[str, ...]
    files: dict[str, str]
    others: dict[str, tuple[Document, ...]] = field(default_factory=dict)

    def labels(self) -> list[int]:
        return [self.authors.index(one.author) for one in self.documents]


def read_corpus(
    data: Path, encoding: str | None = None, tell: Callable[[str], None] = lambda _: None
) -> Corpus:
    """The collection in `data`: the Federalist Papers, Reuters C50, or a folder per author.

    `encoding` is that of one's own texts that are neither UTF-8 nor have a byte-order mark. `tell`
    is told what was read and what was left out.

    Raises:
        FileNotFoundError: there is no such folder, or nothing in it to learn from.
        ValueError: fewer than two authors, or a file that cannot be read as text; it is named.
    """
    if not data.is_dir():
        raise FileNotFoundError(f"there is no folder {data}")
    if (data / FEDERALIST).exists():
        return _federalist(data / FEDERALIST)
    if (data / REUTERS).exists():
        return _reuters(data)
    return _folders(data, encoding, tell)


def _federalist(path: Path) -> Corpus:
    """Joint and disputed papers are left out; the five that the course keeps back are, too."""
    known, others = [], defaultdict(list)
    for row in _rows(path):
        number, author = int(row["number"]), row["author"].title()
        text = _SIGNATURE.sub("", _SALUTATION.sub("", row["text"]))
        if row["status"] == "known":
            back = number in COURSE_UNKNOWN
            known.append(Document(f"no. {number}", author, text, number, kept_back=back))
        elif row["status"] == "disputed":  # by Madison, as Mosteller and Wallace (1964) found
            others["disputed"].append(Document(f"no. {number}", "Madison", text, number))
        else:
            others["joint"].append(Document(f"no. {number}", "", text, number))
    authors = tuple(sorted({one.author for one in known}))
    names = (*(author.lower() for author in authors), "publius")
    kept = {name: tuple(documents) for name, documents in others.items()}
    return Corpus("federalist", authors, tuple(known), names, {path.name: _sha256(path)}, kept)


def _reuters(data: Path) -> Corpus:
    def read(path: Path) -> tuple[Document, ...]:
        return tuple(
            Document(row["file"], row["author"], row["text"], _number(row["file"]))
            for row in _rows(path)
        )

    files = {REUTERS: _sha256(data / REUTERS)}
    documents = read(data / REUTERS)
    others = {}
    if (data / REUTERS_TEST).exists():
        files[REUTERS_TEST] = _sha256(data / REUTERS_TEST)
        others["official test"] = read(data / REUTERS_TEST)
    authors = tuple(sorted({one.author for one in documents}))
    return Corpus("reuters", authors, documents, _names(authors), files, others)


def _folders(data: Path, encoding: str | None, tell: Callable[[str], None]) -> Corpus:
    """One folder of .txt files per author; a folder called Unknown (in any case) is not learned."""
    documents, unknown, files, names = [], [], {}, set()
    left: list[str] = []
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        texts = [path for path in folder.iterdir() if _is_text(path)]
        texts.sort(key=lambda path: (_number(path.name), path.name))
        left += sorted(f"{folder.name}/{path.name}" for path in {*folder.iterdir()} - {*texts})
        for order, path in enumerate(texts):
            text, bylines = strip_header(read_text(path, encoding))
            name = f"{folder.name}/{path.name}"
            if not text.strip():
                left.append(f"{name} (empty)")
                continue
            names |= bylines
            files[name] = _sha256(path)
            if folder.name.lower() == "unknown":
                unknown.append(Document(name, "", text, order))
            else:
                documents.append(Document(name, folder.name, text, order))
    left += sorted(path.name for path in data.iterdir() if _is_text(path))
    counts = Counter(one.author for one in documents)
    if not documents:
        raise FileNotFoundError(f"{data} holds no folders of .txt files, one folder per author")
    if len(counts) < 2:
        raise ValueError(f"{data} holds texts of one author only: two are needed to tell apart")
    authors = tuple(sorted(counts))
    each = ", ".join(f"{author} {counts[author]}" for author in authors[:_TOLD])
    more = ", ..." if len(authors) > _TOLD else ""
    tell(f"read {len(documents)} texts of {len(authors)} authors: {each}{more}")
    if left:
        more = ", ..." if len(left) > _TOLD else ""
        tell(f"left out, {len(left)} in all: {', '.join(left[:_TOLD])}{more}")
    masked = tuple(sorted({*_names(authors), *names, "publius"}))
    others = {"unknown": tuple(unknown)} if unknown else {}
    return Corpus("folders", authors, tuple(documents), masked, files, others)


def _is_text(path: Path) -> bool:
    """Files beside the texts that begin with a dot are a system's own."""
    return path.suffix.lower() == ".txt" and not path.name.startswith(".") and path.is_file()


def strip_header(text: str) -> tuple[str, set[str]]:
    """Without the short paragraphs at both ends: title, date, byline, salutation, signature.

    Returns it with the words of the paragraphs in capitals among them (a byline like HAMILTON),
    in lower case. A text of nothing but short paragraphs is left as it is.
    """
    paragraphs = [part for part in re.split(r"\n\s*\n", text) if part.strip()]
    short = [len(part.split()) < _HEADER_WORDS for part in paragraphs]
    if all(short):
        return text, set()
    # A salutation may share its paragraph with what follows: only whole paragraphs go.
    first = min(short.index(False), _HEADER_PARAGRAPHS)
    last = len(short) - min(short[::-1].index(False), _HEADER_PARAGRAPHS)
    dropped = paragraphs[:first] + paragraphs[last:]
    bylines = {
        word.lower()
        for part in dropped
        if part.isupper() and len(part.split()) <= 4
        for word in WORD.findall(part)
        if len(word) > 3
    }
    return "\n\n".join(paragraphs[first:last]), bylines


def near_duplicates(texts: Sequence[str]) -> list[int]:
    """A group for every text; texts that share half of their runs of eight words share a group."""
    holders: dict[int, list[int]] = defaultdict(list)
    sizes = []
    for i, text in enumerate(texts):
        words = text.lower().split()
        runs = {hash(tuple(words[at : at + _SHINGLE])) for at in range(len(words) - _SHINGLE + 1)}
        sizes.append(len(runs))
        for run in runs:
            holders[run].append(i)
    shared: Counter[tuple[int, int]] = Counter()
    for having in holders.values():
        if len(having) <= 20:  # what more have is an agency's phrase, not a story
            shared.update(combinations(having, 2))
    group = list(range(len(texts)))

    def root(i: int) -> int:
        while group[i] != i:
            i = group[i]
        return i

    for (left, right), count in shared.items():
        if count >= 0.5 * min(sizes[left], sizes[right]):
            group[max(root(left), root(right))] = min(root(left), root(right))
    return [root(i) for i in range(len(texts))]


def grouped_folds(corpus: Corpus, count: int, seed: int = 0) -> list[list[int]]:
    """Every document in one of `count` folds, every author in as many as possible.

    Near-duplicates stay together. Folds differ in size by a few documents at most.
    """
    groups = near_duplicates([one.text for one in corpus.documents])
    members: dict[int, list[int]] = defaultdict(list)
    for i, group in enumerate(groups):
        members[group].append(i)
    labels, rng = corpus.labels(), np.random.default_rng(seed)
    frequency = Counter(labels)
    order = sorted(
        (list(members[group]) for group in rng.permutation(list(members))),
        key=lambda rows: (frequency[labels[rows[0]]], labels[rows[0]]),
    )
    folds: list[list[int]] = [[] for _ in range(count)]
    spread: Counter[tuple[int, int]] = Counter()
    for rows in order:  # rare authors first, each to the fold that has fewest of them
        label = labels[rows[0]]
        fold = min(range(count), key=lambda k: (spread[label, k], len(folds[k])))
        folds[fold] += rows
        spread[label, fold] += len(rows)
    return [sorted(fold) for fold in folds if fold]


def latest_fold(corpus: Corpus, share: float) -> list[int]:
    """The last `share` of every author's documents by `order`, without what training has too."""
    by_author: dict[str, list[int]] = defaultdict(list)
    for i, one in enumerate(corpus.documents):
        by_author[one.author].append(i)
    held: set[int] = set()
    for rows in by_author.values():
        rows.sort(key=lambda i: corpus.documents[i].order)
        held |= set(rows[-max(1, round(share * len(rows))) :])
    groups = near_duplicates([one.text for one in corpus.documents])
    trained = {group for i, group in enumerate(groups) if i not in held}
    return sorted(i for i in held if groups[i] not in trained)


def _names(authors: Sequence[str]) -> tuple[str, ...]:
    """The words that name an author: AlanCrosby and "alan crosby" give crosby, and not alan."""
    split = [WORD.findall(_CAMEL.sub(" ", author)) for author in authors]
    return tuple(sorted({words[-1].lower() for words in split if words and len(words[-1]) > 2}))


def _rows(path: Path) -> list[dict[str, str]]:
    return [row for _, row in csv_rows(path, ("author", "text"), hint="")]


def _number(name: str) -> int:
    found = re.search(r"\d+", name)
    return int(found[0]) if found else 0


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
