"""Reads sentence pairs, in folders of aligned files and as TSV, and splits them. Knows files only.

A folder has `train.LANGUAGE`, and `val.LANGUAGE` if it has a split, one sentence a line, the same
line in each language; any of them may be gzipped. A TSV has a sentence and its translation a line.
"""

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Pair = tuple[str, str]

_HELD_OUT: Final = 200  # of a corpus without a split one source sentence in so many validates
_MOST_HELD_OUT: Final = 500  # pairs


@dataclass(frozen=True)
class Corpus:
    """Pairs of one source and one target language; no source sentence is in both parts."""

    name: str
    source: str
    target: str
    train: tuple[Pair, ...]
    val: tuple[Pair, ...]


@dataclass(frozen=True)
class TranslateData:
    """All corpora, in the order in which they were named; sha256 of each file as it lies there."""

    corpora: tuple[Corpus, ...]
    sha256: dict[str, str]

    @property
    def source(self) -> str:
        return self.corpora[0].source

    @property
    def targets(self) -> tuple[str, ...]:
        """The target languages, in the order of the alphabet."""
        return tuple(sorted({each.target for each in self.corpora}))


def read_pairs(places: Sequence[str], source: str = "en") -> TranslateData:
    """The corpora at `places`: a folder, or a TSV file, `:` and its languages (`pairs.tsv:en-fr`).

    Raises:
        FileNotFoundError: a file or folder is not there.
        ValueError: files are not aligned, a line is no pair, or a language is missing.
    """
    corpora: list[Corpus] = []
    sums: dict[str, str] = {}
    for place in places:
        if Path(place).is_dir():
            corpora += _folder(Path(place), source, sums)
        else:
            corpora.append(_tsv(place, source, sums))
    if not corpora:
        raise ValueError("no data: name a folder or a TSV file")
    return TranslateData(tuple(corpora), sums)


def read_part(folder: Path, part: str, source: str = "en") -> list[Corpus]:
    """The pairs of `PART.LANGUAGE` in a folder, as the `val` of corpora without training pairs.

    Raises:
        FileNotFoundError: there are no such files.
        ValueError: files are not aligned.
    """
    found = _languages(folder, part, source)
    return [
        Corpus(folder.name, source, target, (), _aligned(found[source], found[target], {}))
        for target in found
        if target != source
    ]


def _languages(folder: Path, part: str, source: str) -> dict[str, Path]:
    """The files of a part by their language; the source is among them, and another one."""
    found = {
        path.name.removesuffix(".gz").removeprefix(f"{part}."): path
        for path in sorted(folder.iterdir())
        if path.name.startswith(f"{part}.")
    }
    if source not in found:
        raise FileNotFoundError(f"{folder} holds no {part}.{source} or {part}.{source}.gz")
    if len(found) < 2:
        raise FileNotFoundError(f"{folder} holds no language but {source}")
    return found


def _folder(folder: Path, source: str, sums: dict[str, str]) -> list[Corpus]:
    found = _languages(folder, "train", source)
    corpora = []
    for target in found:
        if target == source:
            continue
        train = _aligned(found[source], found[target], sums)
        name = found[source].name.replace("train", "val", 1)
        if (folder / name).exists():
            other = found[target].name.replace("train", "val", 1)
            val = _aligned(folder / name, folder / other, sums)
        else:
            train, val = _split(train)
        corpora.append(Corpus(folder.name, source, target, train, val))
    return corpora


def _aligned(first: Path, second: Path, sums: dict[str, str]) -> tuple[Pair, ...]:
    left, right = _lines(first, sums), _lines(second, sums)
    if len(left) != len(right):
        raise ValueError(
            f"{first.name} has {len(left)} lines and {second.name} {len(right)}: "
            "line by line they must say the same"
        )
    pairs = zip(left, right, strict=True)
    return tuple((one, other) for one, other in pairs if one and other)


def _tsv(place: str, source: str, sums: dict[str, str]) -> Corpus:
    name, _, languages = place.rpartition(":")
    first, _, target = languages.partition("-")
    if not name or not target:
        raise ValueError(f"{place}: a TSV is named with its languages, as pairs.tsv:en-fr")
    if first != source:
        raise ValueError(f"{place}: its first language is not {source}")
    pairs = []
    for number, line in enumerate(_lines(Path(name), sums), 1):
        fields = line.split("\t")
        if len(fields) < 2:
            raise ValueError(f"{name}: line {number} is no pair: there is no tab in it")
        one, other = fields[0].strip(), fields[1].strip()
        if one and other:
            pairs.append((one, other))
    return Corpus(Path(name).name.partition(".")[0], source, target, *_split(tuple(pairs)))


def _split(pairs: tuple[Pair, ...]) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """(train, val) by the source sentence, so that all its translations are on one side."""

    def held_out(text: str) -> bool:
        return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % _HELD_OUT == 0

    train = tuple(pair for pair in pairs if not held_out(pair[0]))
    val = tuple(pair for pair in pairs if held_out(pair[0]))
    if not val:  # so few that chance held none out
        train, val = pairs[1:], pairs[:1]
    if not train:
        raise ValueError(f"{len(pairs)} pairs are too few to learn from")
    return train, val[:_MOST_HELD_OUT]


def _lines(path: Path, sums: dict[str, str]) -> list[str]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there")
    content = path.read_bytes()
    sums[f"{path.parent.name}/{path.name}"] = hashlib.sha256(content).hexdigest()
    try:
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: byte {error.start}") from error
    return [line.strip("\r ") for line in text.removesuffix("\n").split("\n")]
