"""What a caption request means: an image in, a sentence out. Knows pixels, graphs, words; no HTTP.

Three graphs work together, so that any image encoder can be used:

* `encoder.onnx`: one input, images (batch, 3, height, width) or (batch, height, width, 3) float32
  -> a feature map or a vector per image.
* `start.onnx`: `features` -> the first inputs of the decoder, by their names.
* `decoder.onnx`: one step of any number of rows. `token_ids` (rows) int64 and the values of
  `start.onnx` -> `log_probabilities` and `next_token_ids` (rows, k) of the likeliest words, the
  likeliest first, and `attention` (rows, cells) if it attends. An input `x` with an output
  `next_x` is a state; any other input is a context that stays the same in all steps.

The engine takes the steps, so requests join and leave between them: see `SteppingTask`.
"""

import base64
import binascii
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from app.errors import InferenceFailed, InvalidInput, ModelRefused
from app.features.image import ALLOWED, FIELD, normalised, read_pixels
from app.serving.models.manifest import Manifest
from app.serving.runtime.session import Session
from app.tasks.caption.beam_search import MAX_BEAM_WIDTH, BeamOptions
from app.tasks.caption.features import (
    BOS,
    EOS,
    PAD,
    UNK,
    VOCABULARY_FILE,
    CaptionFeatures,
    read_vocabulary,
)
from app.tasks.caption.run import CaptionExample, CaptionPrediction, CaptionRun

Array = npt.NDArray[Any]

ENCODER: Final = "encoder.onnx"
START: Final = "start.onnx"
DECODER: Final = "decoder.onnx"
TOKENS: Final = "token_ids"
ATTENTION: Final = "attention"
_ANSWERS: Final = ("log_probabilities", "next_token_ids")
_NEXT: Final = "next_"
MAX_PIXELS: Final = 50_000_000
MAX_LENGTH_PENALTY: Final = 5.0


class CaptionTask:
    """Serves any encoder and any decoder of steps."""

    def __init__(
        self,
        features: CaptionFeatures,
        words: tuple[str, ...],
        encoder: Session,
        start: Session,
        decoder: Session,
    ) -> None:
        """Check the graphs.

        Raises:
            ModelRefused: the three graphs do not fit together.
        """
        self.features = features
        self._image = features.image.options()
        self._words = words
        self._encoder, self._start, self._decoder = encoder, start, decoder
        self._encoder_output = features.encoder_output or encoder.outputs[0].name
        self._states, self._contexts = self._names()
        attends = (ATTENTION,) if features.grid is not None else ()
        self._answers = (*_ANSWERS, *(f"{_NEXT}{name}" for name in self._states))
        self._all_answers = (*self._answers, *attends)
        self._kept: tuple[tuple[tuple[CaptionRun, int], ...], dict[str, Array]] = ((), {})

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: Callable[[str], Session]) -> Self:
        features = CaptionFeatures.model_validate(manifest.features)
        if VOCABULARY_FILE not in manifest.files:
            raise ModelRefused(f"the manifest does not list {VOCABULARY_FILE}")
        words = read_vocabulary(folder / VOCABULARY_FILE)
        sessions = [open_session(name) for name in (ENCODER, START, DECODER)]
        return cls(features, words, *sessions)

    @property
    def attends(self) -> bool:
        """Whether the network has attention weights."""
        return self.features.grid is not None

    def encode(
        self,
        image: bytes | str,
        beam_width: int | None = None,
        num_captions: int = 1,
        max_length: int | None = None,
        length_penalty: float | None = None,
        attention: bool = False,
        max_pixels: int = MAX_PIXELS,
    ) -> CaptionExample:
        """Encode one image, the content of a file or its base64, and the options of the search.

        Raises:
            InvalidInput: the image cannot be read, or an option is out of range.
        """
        known = self.features
        if attention and not self.attends:
            raise InvalidInput(
                "this model does not attend to parts of an image",
                field="attention",
                allowed="false for this model",
            )
        search = BeamOptions(
            beam_width=_within("beam_width", beam_width, known.beam_width, MAX_BEAM_WIDTH),
            max_length=_within("max_length", max_length, known.max_length, known.max_length),
            length_penalty=_penalty(length_penalty, known.length_penalty),
            end=EOS,
            wanted=num_captions,
            never=frozenset((PAD, BOS, UNK)),
        )
        _within("num_captions", num_captions, 1, search.beam_width, " (beam_width)")
        pixels = read_pixels(_content(image), self._image, max_pixels=max_pixels)
        return CaptionExample(pixels, search, attention)

    def begin(self, examples: Sequence[CaptionExample]) -> list[CaptionRun]:
        """Encode all images in one batch; a run for each, before its first step."""
        images = normalised(np.stack([each.pixels for each in examples]), self._image)
        name = self._encoder.inputs[0].name
        found = self._encoder.run({name: images}, (self._encoder_output,))
        features = found[self._encoder_output]
        if not np.isfinite(features).all():
            raise InferenceFailed("the encoder's answer is not finite")
        first = self._start.run({self._start.inputs[0].name: features})
        runs = []
        for row, example in enumerate(examples):
            part = {name: value[row : row + 1] for name, value in first.items()}
            states = {name: part[name] for name in self._states}
            contexts = {name: part[name] for name in self._contexts}
            runs.append(CaptionRun(example, self._words, self.features.grid, states, contexts))
        return runs

    def step(self, runs: Sequence[CaptionRun]) -> None:
        """One word for every row of `runs`, none of which is finished; all of them or none."""
        feeds = {TOKENS: np.array([each for run in runs for each in run.search.ids], np.int64)}
        for name in self._states:
            feeds[name] = _joined([run.states[name] for run in runs])
        feeds |= self._contexts_of(runs)
        seen = any(run.attends for run in runs)
        outputs = self._decoder.run(feeds, self._all_answers if seen else self._answers)
        values, ids = (outputs[name] for name in _ANSWERS)  # (rows, k)
        if np.isnan(values).any():
            raise InferenceFailed("the decoder's answer is not a number")
        value_rows, id_rows = values.tolist(), ids.tolist()
        first = 0
        places: list[int] = []
        for run in runs:
            rows = slice(first, first + run.rows)
            attention = outputs[ATTENTION][rows] if run.attends else None
            parents = run.advance(value_rows[rows], id_rows[rows], attention)
            places += [first + parent for parent in parents]
            first = rows.stop
        if not places:
            self._kept = ((), {})  # keep nothing of an image
            return
        states = {name: outputs[_NEXT + name][places] for name in self._states}
        first = 0
        for run in runs:
            last = first + run.rows
            run.states = {name: value[first:last] for name, value in states.items()}
            first = last

    def predict(self, examples: Sequence[CaptionExample]) -> list[CaptionPrediction]:
        """All images in one batch, from the first step to the last."""
        runs = self.begin(examples)
        while going := [run for run in runs if not run.finished]:
            self.step(going)
        return [run.prediction() for run in runs]

    def _contexts_of(self, runs: Sequence[CaptionRun]) -> dict[str, Array]:
        """Each context, with the values of an image repeated for its rows.

        Cached, since the values may be large and rows seldom change between two steps.
        """
        key = tuple((run, run.rows) for run in runs)
        if self._kept[0] != key:
            counts = [run.rows for run in runs]
            self._kept = (
                key,
                {
                    name: np.repeat(_joined([run.contexts[name] for run in runs]), counts, axis=0)
                    for name in self._contexts
                },
            )
        return self._kept[1]

    def _names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The decoder's inputs: (states, contexts)."""
        answers = {each.name for each in self._decoder.outputs}
        needed = {*_ANSWERS, *((ATTENTION,) if self.attends else ())}
        given = {each.name for each in self._start.outputs}
        inputs = [each.name for each in self._decoder.inputs if each.name != TOKENS]
        problems = [
            *(f"{DECODER} has no output {name}" for name in sorted(needed - answers)),
            *(f"{START} has no output {name}" for name in inputs if name not in given),
        ]
        for session, name in ((self._encoder, ENCODER), (self._start, START)):
            if len(session.inputs) != 1:
                problems.append(f"{name} has {len(session.inputs)} inputs, not one")
        if len(inputs) == len(self._decoder.inputs):
            problems.append(f"{DECODER} has no input {TOKENS}")
        if self._encoder_output not in {each.name for each in self._encoder.outputs}:
            problems.append(f"{ENCODER} has no output {self._encoder_output}")
        if problems:
            raise ModelRefused("; ".join(problems))
        states = tuple(name for name in inputs if f"{_NEXT}{name}" in answers)
        return states, tuple(name for name in inputs if name not in states)


def _joined(arrays: Sequence[Array]) -> Array:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _content(image: bytes | str) -> bytes:
    if isinstance(image, bytes):
        return image
    head, comma, rest = image[:100].partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        image = rest + image[100:]
    try:
        return base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(
            "the text is not base64", field=FIELD, allowed=f"base64 of {ALLOWED}"
        ) from None


def _within(name: str, value: int | None, default: int, most: int, why: str = "") -> int:
    if value is None:
        return default
    if not 1 <= value <= most:
        raise InvalidInput(
            f"{value} is out of range", field=name, allowed=f"a whole number, 1 to {most}{why}"
        )
    return value


def _penalty(value: float | None, default: float) -> float:
    if value is None:
        return default
    if not (math.isfinite(value) and 0 <= value <= MAX_LENGTH_PENALTY):
        raise InvalidInput(
            f"{value} is out of range",
            field="length_penalty",
            allowed=f"a number, 0 to {MAX_LENGTH_PENALTY:g}",
        )
    return value
