"""The `features` of a caption model's manifest. Knows names, sizes and words; runs nothing."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.errors import ModelRefused
from app.features.image import ImageOptions
from app.features.logistic import logistic
from app.tasks.decoding.beam_search import MAX_BEAM_WIDTH
from app.tasks.decoding.options import MAX_NGRAM

VOCABULARY_FILE: Final = "vocabulary.json"
PAD, BOS, EOS, UNK = range(4)
_SPECIAL: Final = ["<pad>", "<bos>", "<eos>", "<unk>"]
_CLOSING: Final = re.compile(r"[.,;:!?%)\]}]+|n't|'\w*")

_Channels = tuple[float, float, float]
_Deviation = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Size = Annotated[int, Field(ge=1, le=2048)]


class ImageFeatures(BaseModel):
    """The fields of `ImageOptions`: how an image is prepared for the encoder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    height: _Size
    width: _Size
    mean: _Channels
    std: tuple[_Deviation, _Deviation, _Deviation]
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    resize: Literal["squash", "crop"] = "squash"

    def options(self) -> ImageOptions:
        return ImageOptions(**self.model_dump())


class Confidence(BaseModel):
    """When a captioner abstains, and how sure it may be.

    The graph `familiar.onnx` says how likely an image is a photograph, as those that were learned.
    threshold: with less, the answer abstains. scale, offset: of a photograph's caption the chance
    of being right is the logistic function of `offset + scale * log(probability)` (Platt 1999,
    "Probabilistic outputs for support vector machines", section 2). right: the CIDEr-D from which a
    caption was called right.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float = Field(gt=0, lt=1)
    scale: float = Field(ge=0, allow_inf_nan=False)
    offset: float = Field(allow_inf_nan=False)
    right: float = Field(gt=0)

    def of(self, photograph: float, probability: float) -> float:
        """The chance, 0 to 1, that a caption of this probability is right."""
        logit = self.offset + self.scale * math.log(max(probability, 1e-30))
        return photograph * float(logistic(logit))


class CaptionFeatures(BaseModel):
    """The `features` of a caption model's manifest.

    encoder_output: the encoder's output that is its feature map, the first one if it is null.
    grid: rows and columns that the decoder attends over, null if it does not. max_length: words of
    a caption, at most. beam_width, length_penalty, no_repeat_ngram: defaults for requests; the last
    is 0 where a version does not say it, so that older versions answer as they did. confidence:
    null if the version cannot say how sure it is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: ImageFeatures
    encoder_output: str | None = None
    grid: tuple[_Size, _Size] | None = None
    max_length: int = Field(ge=1, le=1000)
    beam_width: int = Field(3, ge=1, le=MAX_BEAM_WIDTH)
    length_penalty: float = Field(1.0, ge=0, le=5)
    no_repeat_ngram: int = Field(0, ge=0, le=MAX_NGRAM)
    confidence: Confidence | None = None


def read_vocabulary(path: Path) -> tuple[str, ...]:
    """The words of a vocabulary file, by id.

    Raises:
        ModelRefused: it is not a vocabulary.
    """
    try:
        words = json.loads(path.read_bytes())
    except ValueError as error:
        raise ModelRefused(f"{path.name} is not JSON: {error}") from error
    if not isinstance(words, list) or not all(isinstance(each, str) and each for each in words):
        raise ModelRefused(f"{path.name} is no list of words")
    if words[: len(_SPECIAL)] != _SPECIAL:
        raise ModelRefused(f"{path.name} does not begin with {' '.join(_SPECIAL)}")
    return tuple(words)


def piece(word: str, *, first: bool) -> str:
    """A word as part of a text: after a space, unless it is the first or attaches to the left."""
    return word if first or _CLOSING.fullmatch(word) else f" {word}"


def text_of(words: Sequence[str]) -> str:
    """The words of a caption as one text."""
    return "".join(piece(word, first=not index) for index, word in enumerate(words))
