"""What a sentiment request means: a text in, the chances of each label out.

Knows tokens and the graph's tensors; knows no HTTP and no torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app import metrics
from app.errors import InferenceFailed, InvalidInput, ModelRefused
from app.features.padding import pad
from app.features.text import TextTokenizer, Tokens
from app.serving.manifest import Manifest
from app.serving.session import Session

Array = NDArray[np.float64]
EXPLANATION_METHOD: Final = "class activation mapping"


class SentimentFeatures(BaseModel):
    """The `features` of a sentiment model's manifest.

    labels: in the order of the logits. max_tokens: a text keeps its first so many tokens.
    chunk_length: tokens that the graph reads at a stretch.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: tuple[str, ...] = Field(min_length=2)
    max_tokens: int = Field(ge=1)
    chunk_length: int = Field(ge=1)


@dataclass(frozen=True)
class SentimentExample:
    """One text, ready for the graph."""

    text: str
    tokens: Tokens
    explain: bool

    @property
    def length(self) -> int:
        """Steps the network walks: tokens."""
        return len(self.tokens.ids)


@dataclass(frozen=True)
class TokenContribution:
    """What one token adds to the label: the characters `start` to `end` of the text."""

    token: str
    start: int
    end: int
    contribution: float


@dataclass(frozen=True)
class Explanation:
    """How the label came about: `bias` and contributions sum up to its centred logit.

    Class activation mapping (Zhou et al. 2016, eq. 2): with a linear head over pooled features
    the logits split exactly into what each step adds. Centred: less the mean over all labels, so
    that a positive contribution speaks for this label and against the others.
    """

    label: str
    bias: float
    tokens: tuple[TokenContribution, ...]

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "method": EXPLANATION_METHOD,
            "label": self.label,
            "bias": self.bias,
            "tokens": [
                {"token": t.token, "start": t.start, "end": t.end, "contribution": t.contribution}
                for t in self.tokens
            ],
        }


@dataclass(frozen=True)
class SentimentPrediction:
    """The likeliest label, its probability `score`, and those of all labels."""

    label: str
    score: float
    probabilities: dict[str, float]
    truncated: bool
    tokens: int
    unknown_tokens: int
    explanation: Explanation | None = None

    def to_json(self) -> dict[str, JsonValue]:
        answer: dict[str, JsonValue] = {
            "label": self.label,
            "score": self.score,
            "probabilities": dict(self.probabilities),
            "truncated": self.truncated,
            "tokens": self.tokens,
            "unknown_tokens": self.unknown_tokens,
        }
        if self.explanation is not None:
            answer["explanation"] = self.explanation.to_json()
        return answer


class SentimentTask:
    """Serves any classifier with the inputs token_ids and lengths and the output logits.

    To explain, it also asks for the output contributions.
    """

    def __init__(
        self,
        features: SentimentFeatures,
        tokenizer: TextTokenizer,
        session: Session,
        name: tuple[str, str] = ("", ""),
    ) -> None:
        """`name` is the model's name and version, for the metrics; unnamed ones have none."""
        named = any(name)
        self._unknown = metrics.UNKNOWN_TOKEN_RATIO.labels(*name) if named else None
        self._confidence = metrics.CONFIDENCE.labels("sentiment", *name) if named else None
        self._features = features
        self._tokenizer = tokenizer
        self._session = session

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: Callable[[str], Session]) -> Self:
        features = SentimentFeatures.model_validate(manifest.features)
        if "tokenizer.json" not in manifest.files:
            raise ModelRefused("the manifest lists no tokenizer.json")
        try:
            tokenizer = TextTokenizer.load(folder / "tokenizer.json")
        except ValueError as error:
            raise ModelRefused(str(error)) from error
        session = open_session("model.onnx")
        return cls(features, tokenizer, session, (manifest.name, manifest.version))

    def encode(self, text: str, explain: bool = False) -> SentimentExample:
        """One text. Raises InvalidInput for one in which there is nothing to read."""
        tokens = self._tokenizer.encode(text, self._features.max_tokens)
        if not len(tokens.ids):
            raise InvalidInput(
                "there is nothing to read in this text" if text else "the text is empty",
                field="text",
                allowed="at least one visible character",
            )
        return SentimentExample(text, tokens, explain)

    def predict(self, examples: Sequence[SentimentExample]) -> list[SentimentPrediction]:
        """All examples in one padded batch; each answer depends on its own text alone."""
        token_ids, lengths = pad([e.tokens.ids for e in examples])  # (batch, time)
        feeds = {"token_ids": token_ids, "lengths": lengths}
        outputs = ["logits"]
        if any(example.explain for example in examples):
            outputs.append("contributions")
        answer = self._session.run(feeds, outputs)
        logits = answer["logits"].astype(np.float64)  # (batch, labels)
        if not np.isfinite(logits).all():
            raise InferenceFailed("the network's answer is not finite")
        parts = answer.get("contributions")
        return [
            self._decode(example, row, None if parts is None else parts[i].astype(np.float64))
            for i, (example, row) in enumerate(zip(examples, logits, strict=True))
        ]

    def _decode(
        self, example: SentimentExample, logits: Array, parts: Array | None
    ) -> SentimentPrediction:
        """logits (labels,), parts (time, labels) -> the answer to one text."""
        labels = self._features.labels
        powers = np.exp(logits - logits.max())
        probabilities = powers / powers.sum()
        best = int(logits.argmax())
        score = float(probabilities[best])
        tokens = example.tokens
        if self._unknown is not None and self._confidence is not None:
            self._unknown.observe(tokens.unknown / len(tokens.ids))
            self._confidence.observe(score)
        explanation = None
        if example.explain and parts is not None:
            explanation = self._explain(example, logits, parts[: len(tokens.ids)], best)
        return SentimentPrediction(
            label=labels[best],
            score=score,
            probabilities=dict(zip(labels, probabilities.tolist(), strict=True)),
            truncated=tokens.truncated,
            tokens=len(tokens.ids),
            unknown_tokens=tokens.unknown,
            explanation=explanation,
        )

    def _explain(
        self, example: SentimentExample, logits: Array, parts: Array, best: int
    ) -> Explanation:
        centred = parts[:, best] - parts.mean(axis=1)  # (time,)
        bias = float(logits[best] - logits.mean() - centred.sum())
        told = tuple(
            TokenContribution(example.text[start:end], start, end, value)
            for (start, end), value in zip(example.tokens.offsets, centred.tolist(), strict=True)
        )
        return Explanation(self._features.labels[best], bias, told)
