"""One text that is being translated, sentence by sentence, and what comes out. Knows no graph.

`TranslateTask` of `app.tasks.translate.task` begins runs and takes their steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from app.errors import InferenceFailed
from app.serving.task import ExampleDefaults
from app.tasks.decoding.beam_search import BeamOptions, EndedSequence
from app.tasks.decoding.run import SearchRun
from app.tasks.translate.features import Subwords

Array = npt.NDArray[Any]

_UNFINISHED: Final = "\ufffd"  # what the bytes of half a character become


@dataclass(frozen=True)
class Sentence:
    """A sentence as the encoder reads it, and what stood behind it in the text."""

    source: tuple[int, ...]
    gap: str


@dataclass(frozen=True)
class TranslateExample(ExampleDefaults):
    """One text, cut into sentences, and how their translations are searched for.

    begin: the token that the decoder begins with. listener: called with each piece of the text as
    soon as it is final, in a worker's thread; for `beam_width` 1 only.
    """

    sentences: tuple[Sentence, ...]
    search: BeamOptions
    begin: int
    attention: bool = False
    listener: Callable[[str], None] | None = None

    @property
    def rows(self) -> int:
        """Rows that it takes in a step, at most."""
        return self.search.beam_width

    @property
    def length(self) -> int:
        """Steps that it takes, about."""
        return sum(len(each.source) for each in self.sentences)


@dataclass(frozen=True)
class Candidate:
    """One translation of a whole text. probability: the geometric mean over tokens and ends."""

    text: str
    score: float
    probability: float
    truncated: bool

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "text": self.text,
            "score": self.score,
            "probability": self.probability,
            "truncated": self.truncated,
        }


@dataclass(frozen=True)
class SentenceAttention:
    """Where the decoder looked: source tokens, and a row of weights for each word."""

    source: tuple[str, ...]
    words: tuple[tuple[str, Array], ...]

    def to_json(self) -> dict[str, JsonValue]:
        words: list[JsonValue] = [
            {"word": word, "weights": weights.tolist()} for word, weights in self.words
        ]
        return {"source": list(self.source), "words": words}


@dataclass(frozen=True)
class TranslatePrediction:
    """The translations of one text, the best first, and the attention of the best one."""

    candidates: tuple[Candidate, ...]
    attention: tuple[SentenceAttention, ...] | None = None

    def to_json(self) -> dict[str, JsonValue]:
        best = self.candidates[0]
        answer: dict[str, JsonValue] = {
            "text": best.text,
            "score": best.score,
            "candidates": [each.to_json() for each in self.candidates],
        }
        if self.attention is not None:
            answer["attention"] = [each.to_json() for each in self.attention]
        return answer


class TranslateRun:
    """One text between two steps: the searches of its sentences, of which one goes on."""

    def __init__(
        self,
        example: TranslateExample,
        subwords: Subwords,
        begun: Sequence[tuple[dict[str, Array], dict[str, Array]]],
        groups: Sequence[int],
    ) -> None:
        """`begun` are states and contexts for each sentence, `groups` its padded length."""
        self._example = example
        self._subwords = subwords
        self._said: list[int] = []  # of the sentence that is told
        self._told = ""
        listener = None if example.listener is None else self._say
        self._searches = [
            SearchRun(
                example.search,
                example.begin,
                states,
                contexts,
                attends=example.attention,
                listener=listener,
                group=group,
            )
            for (states, contexts), group in zip(begun, groups, strict=True)
        ]
        self._place = 0

    @property
    def search(self) -> SearchRun:
        """The search of the sentence that goes on."""
        return self._searches[self._place]

    @property
    def rows(self) -> int:
        """Rows of its next step."""
        return self.search.rows

    @property
    def finished(self) -> bool:
        return self._place == len(self._searches) - 1 and self.search.finished

    def advance(self) -> None:
        """After a step: the next sentence, if this one is done."""
        if not self.search.finished:
            return
        if self._example.listener is not None:
            self._finish_sentence()
        if self._place < len(self._searches) - 1:
            self._place += 1

    def prediction(self) -> TranslatePrediction:
        """The translations.

        Raises:
            InferenceFailed: the network gave no word and no end.
        """
        found = [each.search.best() for each in self._searches]
        if not all(found):
            raise InferenceFailed("the network offered no word that there is")
        count = max(map(len, found))
        candidates = tuple(self._candidate(found, rank) for rank in range(count))
        attention = None
        if self._example.attention:
            pairs = zip(self._example.sentences, found, strict=True)
            attention = tuple(self._looked(sentence, best[0]) for sentence, best in pairs)
        return TranslatePrediction(candidates, attention)

    def _candidate(self, found: Sequence[Sequence[EndedSequence]], rank: int) -> Candidate:
        """The `rank`-th best of each sentence, or the last one that there is, as one text."""
        chosen = [each[min(rank, len(each) - 1)] for each in found]
        pairs = zip(chosen, self._example.sentences, strict=True)
        total, length = sum(each.total for each in chosen), sum(each.length for each in chosen)
        return Candidate(
            "".join(self._subwords.decode(each.ids) + sentence.gap for each, sentence in pairs),
            sum(each.score for each in chosen),
            float(np.exp(total / length)),
            any(each.cut for each in chosen),
        )

    def _looked(self, sentence: Sentence, best: EndedSequence) -> SentenceAttention:
        """The weights of a word are the mean over its tokens."""
        places = range(len(sentence.source))
        words: list[tuple[list[int], list[Array]]] = []
        for token, weights in zip(best.ids, best.seen, strict=True):
            if not words or token not in self._subwords.inner:
                words.append(([], []))
            words[-1][0].append(token)
            words[-1][1].append(weights[: len(places)])
        return SentenceAttention(
            tuple(self._subwords.pieces[token] for token in sentence.source),
            tuple((self._subwords.decode(tokens), np.mean(rows, axis=0)) for tokens, rows in words),
        )

    def _say(self, token: int) -> None:
        """Tell what has become certain: not half a character, not a space that may end it."""
        self._said.append(token)
        text = self._subwords.decode(self._said)
        if not text.endswith(_UNFINISHED):
            self._tell(text)

    def _finish_sentence(self) -> None:
        self._tell(self._subwords.decode(self._said))
        gap = self._example.sentences[self._place].gap
        if gap:
            self._hear(gap)
        self._said, self._told = [], ""

    def _tell(self, text: str) -> None:
        if text.startswith(self._told) and len(text) > len(self._told):
            self._hear(text[len(self._told) :])
            self._told = text

    def _hear(self, text: str) -> None:
        assert self._example.listener is not None
        self._example.listener(text)
