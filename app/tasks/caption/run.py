"""One caption that is being computed, and what it becomes: words. Knows no graph.

`CaptionTask` of `app.tasks.caption.task` begins runs and takes their steps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
from pydantic import JsonValue

from app.errors import InferenceFailed
from app.features.image import Pixels
from app.serving.task import ExampleDefaults
from app.tasks.caption.features import BOS, CaptionFeatures, piece, text_of
from app.tasks.decoding.beam_search import BeamOptions, EndedSequence
from app.tasks.decoding.run import SearchRun

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class CaptionExample(ExampleDefaults):
    """One image, prepared for the encoder, and how its captions are searched for.

    listener: called with each piece of the text as soon as it is final, in a worker's thread; for
    `beam_width` 1 only.
    """

    pixels: Pixels  # (height, width, 3)
    search: BeamOptions
    attention: bool = False
    listener: Callable[[str], None] | None = None

    @property
    def rows(self) -> int:
        """Rows that it takes in a step, at most."""
        return self.search.beam_width

    @property
    def length(self) -> int:
        """Steps that it takes, at most."""
        return self.search.max_length


@dataclass(frozen=True)
class Candidate:
    """One caption. probability: the geometric mean over its words and the end."""

    words: tuple[str, ...]
    score: float
    probability: float
    truncated: bool

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "text": text_of(self.words),
            "score": self.score,
            "probability": self.probability,
            "truncated": self.truncated,
        }


@dataclass(frozen=True)
class CaptionPrediction:
    """The captions of one image, the best first, and the attention of the best one.

    weights: for each word of the best caption (cells,) of the grid, row by row, with a sum of 1.
    confidence: the chance that the best caption is right, None if the version cannot tell.
    abstained: whether the image is none that the version knows about.
    """

    candidates: tuple[Candidate, ...]
    grid: tuple[int, int] | None = None
    weights: tuple[Array, ...] = ()
    confidence: float | None = None
    abstained: bool = False

    def to_json(self) -> dict[str, JsonValue]:
        best = self.candidates[0]
        answer: dict[str, JsonValue] = {
            "text": text_of(best.words),
            "score": best.score,
            "candidates": [each.to_json() for each in self.candidates],
        }
        if self.confidence is not None:
            answer |= {"confidence": self.confidence, "abstained": self.abstained}
        if self.grid is not None:
            pairs = zip(best.words, self.weights, strict=True)
            answer["attention"] = {
                "grid": list(self.grid),
                "words": [{"word": word, "weights": row.tolist()} for word, row in pairs],
            }
        return answer


class CaptionRun(SearchRun):
    """One image between two steps."""

    def __init__(
        self,
        example: CaptionExample,
        words: tuple[str, ...],
        features: CaptionFeatures,
        states: dict[str, Array],
        contexts: dict[str, Array],
        photograph: float | None = None,
    ) -> None:
        """photograph: how likely the image is one, None if the version cannot tell."""
        super().__init__(
            example.search,
            BOS,
            states,
            contexts,
            attends=example.attention,
            listener=None if example.listener is None else self._say,
        )
        self._words = words
        self._features = features
        self._photograph = photograph
        self._heard = example.listener
        self._silent = True

    def prediction(self) -> CaptionPrediction:
        """The captions.

        Raises:
            InferenceFailed: the network gave no word and no end.
        """
        found = self.search.best()
        if not found:
            raise InferenceFailed("the network offered no word that there is")
        known, photograph = self._features.confidence, self._photograph
        sure, abstained = None, False
        if known is not None and photograph is not None:
            sure = known.of(photograph, found[0].probability)
            abstained = photograph < known.threshold
        return CaptionPrediction(
            tuple(self._candidate(each) for each in found),
            self._features.grid if self.attends else None,
            found[0].seen if self.attends else (),
            sure,
            abstained,
        )

    def _say(self, token: int) -> None:
        assert self._heard is not None
        self._heard(piece(self._words[token], first=self._silent))
        self._silent = False

    def _candidate(self, found: EndedSequence) -> Candidate:
        words = tuple(self._words[each] for each in found.ids)
        return Candidate(words, found.score, found.probability, found.cut)
