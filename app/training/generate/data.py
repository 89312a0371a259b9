"""Reads texts to write like, and leaves the end of each for validation. Knows files only."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.features.decoding import decoded

_ENDINGS: Final = (".txt", ".txt.gz")
VALIDATION: Final = 10  # one in so many characters, at the end of each file


@dataclass(frozen=True)
class TextPart:
    """The two parts of one file."""

    file: str
    train: str
    val: str


@dataclass(frozen=True)
class TextData:
    """Texts by file, in the order of the files' names; sha256 of each file as it lies there."""

    parts: tuple[TextPart, ...]
    sha256: dict[str, str]

    @property
    def train(self) -> str:
        """All that is learned from, one file behind the other."""
        return "".join(part.train for part in self.parts)

    @property
    def val(self) -> str:
        return "".join(part.val for part in self.parts)


def read_texts(path: Path) -> TextData:
    """The text file `path`, or all of the folder `path`: `*.txt` and `*.txt.gz`.

    They are in UTF-8, or begin with a byte-order mark. The last tenth of each file is for
    validation. Every way to end a line becomes `\\n`.

    Raises:
        FileNotFoundError: there is no such file or folder, or no text in it.
        ValueError: a file cannot be read as text (file, line and byte are named), or holds less
            than ten characters.
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.name.endswith(_ENDINGS))
        if not files:
            raise FileNotFoundError(f"{path} holds no {' or '.join(_ENDINGS)} file")
    elif path.is_file():
        files = [path]
    else:
        raise FileNotFoundError(f"{path} is not there: expected a text file or a folder of such")
    parts, sums = [], {}
    for file in files:
        content = file.read_bytes()
        sums[file.name] = hashlib.sha256(content).hexdigest()
        text = _text(file, gzip.decompress(content) if file.suffix == ".gz" else content)
        cut = len(text) - len(text) // VALIDATION
        parts.append(TextPart(file.name, text[:cut], text[cut:]))
    return TextData(tuple(parts), sums)


def _text(file: Path, content: bytes) -> str:
    text = decoded(content, str(file), hint="")
    if len(text) < VALIDATION:
        raise ValueError(f"{file} holds {len(text)} characters, which cannot be split")
    return text
