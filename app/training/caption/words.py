"""Knows what a word of a caption is and which of them a network may say; knows no images.

One tokeniser for training, for the vocabulary and for every score: lower case, no punctuation.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

PAD, BOS, EOS, UNK = range(4)
SPECIAL: Final = ("<pad>", "<bos>", "<eos>", "<unk>")
_WORD: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*|'[a-z]+\b")


def words_of(caption: str) -> list[str]:
    """The words of a caption: lower case, hyphens kept, `'s` a word of its own, no punctuation."""
    return _WORD.findall(caption.lower())


def joined(words: Sequence[str]) -> str:
    """Words as a caption; what begins with an apostrophe joins the word before it."""
    return " ".join(words).replace(" '", "'")


@dataclass(frozen=True)
class Vocabulary:
    """The tokens by their ids: four special ones, then words from the most to the least frequent.

    `counts` are those of the training captions; of `<eos>` the captions, of `<unk>` all words that
    are not in the vocabulary.
    """

    tokens: tuple[str, ...]
    counts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {token: place for place, token in enumerate(self.tokens)}

    def encode(self, words: Iterable[str]) -> list[int]:
        """Ids of words, without begin and end."""
        return [self._ids.get(word, UNK) for word in words]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Words of ids; special tokens are left out."""
        return [self.tokens[place] for place in ids if place >= len(SPECIAL)]

    def to_json(self) -> str:
        """What stands in `vocabulary.json`: the list of tokens."""
        return json.dumps(list(self.tokens), ensure_ascii=False, indent=0) + "\n"


def build_vocabulary(
    captions: Iterable[Sequence[str]], *, least: int = 5, most: int = 4000
) -> Vocabulary:
    """The words that occur at least `least` times in the captions, at most `most` of them.

    Words of the same frequency stand in the order of the alphabet.
    """
    total: Counter[str] = Counter()
    number = 0
    for words in captions:
        total.update(words)
        number += 1
    frequent = sorted(
        (word for word, count in total.items() if count >= least), key=lambda w: (-total[w], w)
    )[:most]
    kept = [total[word] for word in frequent]
    unknown = total.total() - sum(kept)
    return Vocabulary((*SPECIAL, *frequent), (0, 0, number, unknown, *kept))
