"""Plain sentences out of running text, with labels by their words; knows files, no networks.

Sentences of textbooks for learners, of captions of photographs, of news and of the Federalist are
facts unless they hold a word that pleases or hurts. Of the textbooks' sentences those with such
words, and nothing that turns them, are taken as praise and blame: distant labels, as in Go et al.
(2009), "Twitter Sentiment Classification using Distant Supervision", with words for emoticons.
What is distant counts half. The textbooks (CC BY 2.0) and the Federalist (public domain) may be
used for anything, captions and news for research.
"""

import gzip
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from app.training.common.text_files import csv_rows
from app.training.sentiment.labels import Label
from app.training.sentiment.polar_words import Leaning, leaning

_TEXTBOOKS: Final = ("translation/eng-fra.tsv.gz", "translation/eng-spa.tsv.gz")
_PAPERS: Final = "federalist/federalist_85.csv.gz"
FILES: Final = (*_TEXTBOOKS, "flickr8k/captions.csv.gz", "reuters_c50/train.csv.gz", _PAPERS)
OPEN_FILES: Final = (*_TEXTBOOKS, _PAPERS)
"""Of these, those that may be used for anything."""
_CONFIDENCE: Final = 0.5  # how much a label counts that nobody gave by reading
_SENTENCE: Final = re.compile(r"[A-Z][^.!?\n]{20,220}[.?](?=\s|$)")
# What news call good or bad without the words of daily life.
_MARKETS: Final = re.compile(
    r"\b(?:los[ts]|profit|gain|gr[oe]w|growth|r[oi]se|f[ea]ll|drop|jump|plung|slump|surg|strong|"
    r"sharp|boost|hit|cut|risk|warn|threat|strike|layoff|soar|tumbl|declin|recover|improv|critic|"
    r"claim|scandal|fraud|dissident|rights|protest|dispute|ban|crack|tough|hostile|downturn)",
    re.IGNORECASE,
)


def natural_texts(
    french: Path, spanish: Path, captions: Path, news: Path, papers: Path
) -> Iterator[tuple[str, Label, float]]:
    """(sentence, label, confidence), in an order that their words decide; half a minute at most.

    Raises:
        FileNotFoundError: a file is not there.
    """
    yield from _textbooks((french, spanish), _TAKEN)
    rows = (row["caption"].strip(" .") for _, row in csv_rows(captions, ("caption",), hint=""))
    yield from _facts(rows, 2500)
    stories = (row["text"] for _, row in csv_rows(news, ("text",), hint=""))
    told = (one for story in stories for one in _SENTENCE.findall(story))
    yield from _facts((one for one in told if not _MARKETS.search(one)), 5000)
    yield from _essays(papers)


def open_texts(french: Path, spanish: Path, papers: Path) -> Iterator[tuple[str, Label, float]]:
    """As `natural_texts`, of textbooks and papers alone, and more of the textbooks.

    Raises:
        FileNotFoundError: a file is not there.
    """
    yield from _textbooks((french, spanish), _TAKEN_OPEN)
    yield from _essays(papers)


_Taken: TypeAlias = Mapping[Leaning, tuple[Label, int]]  # of what leans so, how it is called

_TAKEN: Final[_Taken] = {
    "none": ("neutral", 16_000),
    "glad": ("positive", 5_000),
    "sorry": ("negative", 6_000),
}
_TAKEN_OPEN: Final[_Taken] = {
    "none": ("neutral", 40_000),
    "glad": ("positive", 7_000),
    "sorry": ("negative", 10_000),
}


def _textbooks(files: Iterable[Path], taken: _Taken) -> Iterator[tuple[str, Label, float]]:
    learned = _ordered(line.split("\t")[0] for path in files for line in _lines(path))
    kinds = {kind: [one for one in learned if leaning(one) == kind] for kind in taken}
    for kind, (label, count) in taken.items():
        for sentence in kinds[kind][:count]:
            yield sentence, label, _CONFIDENCE


def _essays(papers: Path) -> Iterator[tuple[str, Label, float]]:
    essays = (row["text"] for _, row in csv_rows(papers, ("text",), hint=""))
    yield from _facts((one for text in essays for one in _SENTENCE.findall(text)), 1500)


def _facts(sentences: Iterable[str], count: int) -> Iterator[tuple[str, Label, float]]:
    plain = _ordered(one for one in sentences if leaning(one) == "none")
    for sentence in plain[:count]:
        yield sentence, "neutral", _CONFIDENCE


def _ordered(sentences: Iterable[str]) -> list[str]:
    """Each once, in an order that has nothing to do with what they say."""
    return sorted(set(sentences), key=lambda one: hashlib.sha256(one.encode()).digest())


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from lines
