"""What a text classifier is asked: a text in, labels with their probabilities out.

The task of `/sentiment`, and of `/classify` with labels of anybody's own.

Knows features and the graph's tensors; knows no HTTP and no torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from app.errors import InferenceFailed, InvalidInput, ModelRefused
from app.features.logistic import logistic
from app.features.padding import pad
from app.features.text import TOKENIZER_FILE, Span, TextReader, Tokens, said_once
from app.serving.models.manifest import Manifest
from app.serving.runtime.session import Session
from app.serving.task import ExampleDefaults
from app.tasks.understanding import Understanding, UnderstandingOptions

Array = NDArray[np.float64]
METHOD: Final = "class activation mapping"
GRAPH: Final = "model.onnx"
_ALLOWED: Final = "a text of which something is left to read: words, numbers, signs or emoji"


class SentimentFeatures(BaseModel):
    """The `features` in the manifest of a sentiment model, or of a classifier.

    labels: in the order of the logits. max_tokens: a longer text is cut to so many. chunk_length:
    the graph reads a long text in pieces of so many tokens and pools over them. threshold: None if
    a text has exactly one label; else it has every label that is at least so probable, each by
    itself: several, or none. understanding: when to abstain; without it the model answers whatever
    it is sent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: tuple[str, ...] = Field(min_length=2)
    max_tokens: int = Field(ge=1)
    chunk_length: int = Field(ge=1)
    threshold: float | None = Field(None, gt=0.0, lt=1.0)
    understanding: UnderstandingOptions | None = None

    @field_validator("labels")
    @classmethod
    def _distinct(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(labels)) != len(labels):
            raise ValueError("a label stands twice among the labels")
        return labels


@dataclass(frozen=True)
class SentimentExample(ExampleDefaults):
    """One text, encoded for the graph; its tokens have spans if an explanation is wanted.

    `understood` is the share of it that the model understands, None if the model does not tell.
    """

    tokens: Tokens
    understood: float | None = None

    @property
    def length(self) -> int:
        """Tokens that the network reads."""
        return len(self.tokens)


@dataclass(frozen=True)
class Explanation:
    """What each token adds to the logit of `label`, minus what it adds to all labels on average.

    `bias` is the part that does not come from a token. `bias` and the contributions (time,) sum
    up to the logit minus the mean of all logits. Where a text may have several labels, each is
    judged by itself: nothing is subtracted.
    """

    label: str
    bias: float
    spans: tuple[Span, ...]
    contributions: list[float]

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "method": METHOD,
            "label": self.label,
            "bias": self.bias,
            "tokens": [
                {"token": each.piece, "start": each.start, "end": each.end, "contribution": part}
                for each, part in zip(self.spans, self.contributions, strict=True)
            ],
        }


@dataclass(frozen=True)
class SentimentPrediction:
    """`label` is the likeliest one, `score` its probability; with `abstained` do not rely on it.

    `labels` are those that the text has, the likeliest first, where it may have several or none.
    `understood` and `abstained` are None of a model that does not tell.
    """

    label: str
    score: float
    probabilities: dict[str, float]
    truncated: bool
    tokens: int
    unknown_tokens: int
    understood: float | None = None
    abstained: bool | None = None
    explanation: Explanation | None = None
    labels: tuple[str, ...] | None = None

    def to_json(self) -> dict[str, JsonValue]:
        answer: dict[str, JsonValue] = {
            "label": self.label,
            "score": self.score,
            "probabilities": dict(self.probabilities),
            "truncated": self.truncated,
            "tokens": self.tokens,
            "unknown_tokens": self.unknown_tokens,
        }
        if self.understood is not None:
            answer["understood"] = self.understood
            answer["abstained"] = self.abstained
        if self.explanation is not None:
            answer["explanation"] = self.explanation.to_json()
        if self.labels is not None:
            answer["labels"] = list(self.labels)
        return answer


class SentimentTask:
    """Serves any classifier from token_ids and lengths to calibrated logits and contributions."""

    def __init__(
        self,
        features: SentimentFeatures,
        reader: TextReader,
        session: Session,
        understanding: Understanding | None = None,
    ) -> None:
        self._labels = features.labels
        self._threshold = features.threshold
        self._reader = reader
        self._session = session
        self._understanding = understanding

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: Callable[[str], Session]) -> Self:
        features = SentimentFeatures.model_validate(manifest.features)
        if TOKENIZER_FILE not in manifest.files:
            raise ModelRefused(f"the manifest does not list {TOKENIZER_FILE}")
        reader = TextReader.load(folder / TOKENIZER_FILE, features.max_tokens)
        session = open_session(GRAPH)
        missing = {"logits", "contributions"} - {each.name for each in session.outputs}
        if missing:  # golden examples need not ask for both
            raise ModelRefused(f"{GRAPH} has no output {' and no '.join(sorted(missing))}")
        understanding = Understanding.load(
            folder, manifest, features.understanding, len(features.labels)
        )
        return cls(features, reader, session, understanding)

    def encode(self, text: str, explain: bool = False) -> SentimentExample:
        """Encode one text; `explain` asks for the contribution of each token.

        Raises:
            InvalidInput: the text is empty, or empty after normalisation.
        """
        tokens = said_once(self._reader.read(text, spans=explain))
        if not len(tokens):
            message = "nothing of the text is left to read" if text else "the text is empty"
            raise InvalidInput(message, field="text", allowed=_ALLOWED)
        if self._understanding is None:
            return SentimentExample(tokens)
        return SentimentExample(tokens, self._understanding.understood(text))

    def predict(self, examples: Sequence[SentimentExample]) -> list[SentimentPrediction]:
        """All texts in one padded batch; each answer depends only on its own text."""
        token_ids, lengths = pad([each.tokens.ids for each in examples])  # (batch, time), (batch,)
        explained = any(each.tokens.spans is not None for each in examples)
        wanted = ("logits", "contributions") if explained else ("logits",)
        outputs = self._session.run({"token_ids": token_ids, "lengths": lengths}, wanted)
        if not all(np.isfinite(outputs[name]).all() for name in wanted):
            raise InferenceFailed("the network's answer is not finite")
        logits = outputs["logits"].astype(np.float64)  # (batch, classes)
        parts = outputs.get("contributions", [None] * len(examples))  # (batch, time, classes)
        return [
            self._decode(each, row, part)
            for each, row, part in zip(examples, logits, parts, strict=True)
        ]

    def _decode(
        self, example: SentimentExample, logits: Array, parts: NDArray[np.float32] | None
    ) -> SentimentPrediction:
        """logits (classes,), parts (time, classes) of one text -> its answer."""
        abstained = None
        if self._understanding is not None and example.understood is not None:
            abstained = self._understanding.abstains(example.understood)
            logits = self._understanding.widened(logits, example.understood)
            if parts is not None:
                parts = parts * self._understanding.weight(example.understood)
        probabilities = self._probabilities(logits)
        best = int(probabilities.argmax())
        tokens = example.tokens
        explanation = None
        if tokens.spans is not None and parts is not None:
            explanation = self._explain(best, logits, parts[: len(tokens)], tokens.spans)
        return SentimentPrediction(
            label=self._labels[best],
            score=float(probabilities[best]),
            probabilities=dict(zip(self._labels, probabilities.tolist(), strict=True)),
            truncated=tokens.truncated,
            tokens=len(tokens),
            unknown_tokens=tokens.unknown,
            understood=example.understood,
            abstained=abstained,
            explanation=explanation,
            labels=self._chosen(probabilities),
        )

    def _probabilities(self, logits: Array) -> Array:
        """logits (classes,) -> probabilities (classes,): they sum up to 1 if there is one label."""
        if self._threshold is not None:
            return logistic(logits)
        weights = np.exp(logits - logits.max())
        one: Array = weights / weights.sum()
        return one

    def _chosen(self, probabilities: Array) -> tuple[str, ...] | None:
        if self._threshold is None:
            return None
        order = np.argsort(-probabilities, kind="stable")
        return tuple(self._labels[i] for i in order if probabilities[i] >= self._threshold)

    def _explain(
        self,
        label: int,
        logits: Array,
        parts: NDArray[np.float32],
        spans: tuple[Span, ...],
    ) -> Explanation:
        """Split a logit over the tokens, exactly, since the head is linear in what it pools.

        Zhou et al. 2016, "Learning Deep Features for Discriminative Localization", eq. 2, over
        time instead of space. A value added to all logits does not change the softmax, so the mean
        over the labels is subtracted.
        """
        added = parts.astype(np.float64)  # (time, classes)
        if self._threshold is not None:
            own = added[:, label]  # (time,)
            rest = float(logits[label] - own.sum())
            return Explanation(self._labels[label], rest, spans, own.tolist())
        bias = logits - added.sum(axis=0)  # (classes,)
        return Explanation(
            label=self._labels[label],
            bias=float(bias[label] - bias.mean()),
            spans=spans,
            contributions=(added[:, label] - added.mean(axis=1)).tolist(),
        )
