"""What an authorship request means: a text in, the candidates' probabilities out.

Knows features and the graph's tensors; knows no HTTP and no torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.errors import InferenceFailed, InvalidInput
from app.features.characters import CharacterOptions, Characters, chunk_bounds, read
from app.features.padding import pad
from app.serving.models.manifest import Manifest
from app.serving.runtime.session import Session
from app.serving.task import ExampleDefaults
from app.tasks.understanding import Understanding, UnderstandingOptions

Array = NDArray[np.float64]

# Chunks in one run of the graph. More would take as long per chunk, and more memory.
_ROWS: Final = 8


class Calibration(BaseModel):
    """Scales the mean logits of a text by the amount of text.

    The factor is `scale * (characters / 1000) ** growth`: temperature scaling (Guo et al.
    2017, "On Calibration of Modern Neural Networks", section 4.2) with a temperature that falls
    for longer texts. The order of the authors does not change.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: float = Field(1.0, gt=0)
    growth: float = Field(0.0, ge=0)

    def scaled(self, logits: Array, characters: int) -> Array:
        """Mean logits (authors,) of a text of so many characters -> those of its probabilities."""
        scaled: Array = logits * (self.scale * (characters / 1000.0) ** self.growth)
        return scaled

    def probabilities(self, logits: Array, characters: int) -> Array:
        """Mean logits (authors,) of a text of so many characters -> probabilities (authors,)."""
        scaled = self.scaled(logits, characters)
        weights = np.exp(scaled - scaled.max())
        shares: Array = weights / weights.sum()
        return shares


class AuthorshipFeatures(BaseModel):
    """The `features` of an authorship model's manifest.

    authors: the candidates, in the order of the logits. threshold: an answer less probable than
    this abstains. min_characters: shorter texts are refused. understanding: of which texts it
    abstains because they are far from those of every candidate. The other fields are those of
    CharacterOptions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    authors: tuple[str, ...] = Field(min_length=2)
    threshold: float = Field(ge=0.0, le=1.0)
    min_characters: int = Field(ge=1)
    max_characters: int = Field(ge=1)
    chunk_length: int = Field(ge=1)
    alphabet: str
    kept_words: tuple[str, ...] | None = None
    masked_words: tuple[str, ...] = ()
    calibration: Calibration = Calibration()
    understanding: UnderstandingOptions | None = None

    def character_options(self) -> CharacterOptions:
        return CharacterOptions(
            alphabet=self.alphabet,
            kept_words=self.kept_words,
            masked_words=self.masked_words,
            max_characters=self.max_characters,
            chunk_length=self.chunk_length,
        )


@dataclass(frozen=True)
class AuthorshipExample(ExampleDefaults):
    """One text, encoded for the graph; `bounds` cut its characters into chunks.

    `understood` is the share of it that is like the candidates' texts, None if the model does not
    tell.
    """

    characters: Characters
    bounds: tuple[tuple[int, int], ...]
    evidence: bool
    understood: float | None = None

    @property
    def length(self) -> int:
        """Characters that the network reads."""
        return len(self.characters)


@dataclass(frozen=True)
class Evidence:
    """One chunk: its place in the text as it was sent, and the answer for the chunk alone."""

    start: int
    end: int
    probabilities: dict[str, float]


@dataclass(frozen=True)
class AuthorshipPrediction:
    """`author` is always the likeliest candidate; with `abstained` do not rely on it."""

    author: str
    score: float
    probabilities: dict[str, float]
    chunks: int
    characters: int
    truncated: bool
    abstained: bool
    understood: float | None = None
    evidence: tuple[Evidence, ...] | None = None

    def to_json(self) -> dict[str, JsonValue]:
        answer: dict[str, JsonValue] = {
            "author": self.author,
            "score": self.score,
            "probabilities": dict(self.probabilities),
            "chunks": self.chunks,
            "characters": self.characters,
            "truncated": self.truncated,
            "abstained": self.abstained,
        }
        if self.understood is not None:
            answer["understood"] = self.understood
        if self.evidence is not None:
            answer["evidence"] = [
                {"start": one.start, "end": one.end, "probabilities": dict(one.probabilities)}
                for one in self.evidence
            ]
        return answer


class AuthorshipTask:
    """Serves any graph from `character_ids` and `lengths` of chunks to `logits` of authors."""

    def __init__(
        self,
        features: AuthorshipFeatures,
        session: Session,
        understanding: Understanding | None = None,
    ) -> None:
        self._features = features
        self._session = session
        self._understanding = understanding
        self._options = features.character_options()

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: Callable[[str], Session]) -> Self:
        features = AuthorshipFeatures.model_validate(manifest.features)
        understanding = Understanding.load(
            folder, manifest, features.understanding, len(features.authors)
        )
        return cls(features, open_session("model.onnx"), understanding)

    def encode(self, text: str, evidence: bool = False) -> AuthorshipExample:
        """Encode one text; `evidence` asks for the answer of each chunk.

        Raises:
            InvalidInput: the text is empty or too short.
        """
        characters = read(text, self._options)
        least = self._features.min_characters
        if len(characters) < least:
            raise InvalidInput(
                f"the text has {len(characters)} characters without its white space runs, "
                "too few to judge"
                if len(characters)
                else "the text is empty",
                field="text",
                allowed=f"at least {least} characters",
            )
        bounds = chunk_bounds(len(characters), self._features.chunk_length)
        understood = None if self._understanding is None else self._understanding.understood(text)
        return AuthorshipExample(characters, tuple(bounds), evidence, understood)

    def predict(self, examples: Sequence[AuthorshipExample]) -> list[AuthorshipPrediction]:
        """Each answer depends only on its own text; long texts are read chunk by chunk."""
        chunks = [
            example.characters.ids[start:end]
            for example in examples
            for start, end in example.bounds
        ]
        logits = self._logits(chunks)  # (chunks, authors)
        answers, first = [], 0
        for example in examples:
            last = first + len(example.bounds)
            answers.append(self._decode(example, logits[first:last]))
            first = last
        return answers

    def _logits(self, chunks: Sequence[NDArray[np.int64]]) -> Array:
        """Logits (chunks, authors); chunks of similar length share a run."""
        logits = np.empty((len(chunks), len(self._features.authors)))
        order = sorted(range(len(chunks)), key=lambda i: len(chunks[i]))
        for start in range(0, len(order), _ROWS):
            rows = order[start : start + _ROWS]
            character_ids, lengths = pad([chunks[i] for i in rows])  # (rows, time), (rows,)
            feeds = {"character_ids": character_ids, "lengths": lengths}
            logits[rows] = self._session.run(feeds)["logits"]
        if not np.isfinite(logits).all():
            raise InferenceFailed("the network's answer is not finite")
        return logits

    def _decode(self, example: AuthorshipExample, logits: Array) -> AuthorshipPrediction:
        """logits (chunks, authors) of one text -> its answer."""
        lengths = np.array([end - start for start, end in example.bounds])
        pooled = lengths @ logits / lengths.sum()  # (authors,)
        probabilities = self._probabilities(pooled, example.length, example.understood)
        author = max(probabilities, key=lambda name: probabilities[name])
        evidence = None
        if example.evidence:
            evidence = tuple(
                Evidence(
                    start=int(example.characters.positions[start]),
                    end=int(example.characters.positions[end - 1]) + 1,
                    probabilities=self._probabilities(row, end - start, example.understood),
                )
                for (start, end), row in zip(example.bounds, logits, strict=True)
            )
        return AuthorshipPrediction(
            author=author,
            score=probabilities[author],
            probabilities=probabilities,
            chunks=len(example.bounds),
            characters=example.length,
            truncated=example.characters.truncated,
            abstained=probabilities[author] < self._features.threshold
            or self._is_strange(example.understood),
            understood=example.understood,
            evidence=evidence,
        )

    def _is_strange(self, understood: float | None) -> bool:
        """Whether a text is too far from those of every candidate."""
        if self._understanding is None or understood is None:
            return False
        return self._understanding.abstains(understood)

    def _probabilities(
        self, logits: Array, characters: int, understood: float | None
    ) -> dict[str, float]:
        scaled = self._features.calibration.scaled(logits, characters)
        if self._understanding is not None and understood is not None:
            scaled = self._understanding.widened(scaled, understood)
        weights = np.exp(scaled - scaled.max())
        shares = weights / weights.sum()
        return dict(zip(self._features.authors, shares.tolist(), strict=True))
