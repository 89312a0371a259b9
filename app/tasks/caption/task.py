"""What a caption request means: an image in, a sentence out. Knows pixels, graphs, words; no HTTP.

Three graphs work together, so that any image encoder can be used, and perhaps a fourth:

* `encoder.onnx`: one input, images (batch, 3, height, width) or (batch, height, width, 3) float32
  -> a feature map or a vector per image.
* `start.onnx`: `features` -> the first inputs of the decoder, by their names.
* `decoder.onnx`: one step of any number of rows, as `app.tasks.decoding.decoder` describes it. What
  it takes is called as the outputs of `start.onnx`; if it attends, its places are the map's cells.
* `familiar.onnx`: `features` -> one logit an image, of its being a photograph; only where the
  manifest has `confidence`.

The engine takes the steps, so requests join and leave between them: see `SteppingTask`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np

from app.errors import InferenceFailed, InvalidInput, ModelRefused
from app.features.image import normalised, read_pixels
from app.features.logistic import logistic
from app.serving.models.manifest import Manifest
from app.serving.runtime.session import Array, Session
from app.tasks.caption.content import content_of
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
from app.tasks.decoding.beam_search import MAX_BEAM_WIDTH, BeamOptions
from app.tasks.decoding.decoder import StepDecoder
from app.tasks.decoding.options import MAX_NGRAM, penalty, within
from app.tasks.decoding.repetition import RepetitionOptions

ENCODER: Final = "encoder.onnx"
START: Final = "start.onnx"
DECODER: Final = "decoder.onnx"
FAMILIAR: Final = "familiar.onnx"
MAX_PIXELS: Final = 50_000_000
JOINING: Final = ("and", "or", ",")


class CaptionTask:
    """Serves any encoder and any decoder of steps."""

    def __init__(
        self,
        features: CaptionFeatures,
        words: tuple[str, ...],
        encoder: Session,
        start: Session,
        decoder: Session,
        familiar: Session | None = None,
    ) -> None:
        """Check the graphs; `familiar` is there if `features` have `confidence`.

        Raises:
            ModelRefused: the graphs do not fit together.
        """
        self.features = features
        self._image = features.image.options()
        self._words = words
        self._encoder, self._start, self._familiar = encoder, start, familiar
        self._encoder_output = features.encoder_output or encoder.outputs[0].name
        self._decoder = StepDecoder(decoder, attends=self.attends)
        self._check(self._decoder)
        places = {word: place for place, word in enumerate(words)}
        self._joining = frozenset(places[word] for word in JOINING if word in places)

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: Callable[[str], Session]) -> Self:
        features = CaptionFeatures.model_validate(manifest.features)
        if VOCABULARY_FILE not in manifest.files:
            raise ModelRefused(f"the manifest does not list {VOCABULARY_FILE}")
        words = read_vocabulary(folder / VOCABULARY_FILE)
        names = [ENCODER, START, DECODER] + [FAMILIAR] * (features.confidence is not None)
        sessions = [open_session(name) for name in names]
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
        no_repeat_ngram: int | None = None,
        attention: bool = False,
        max_pixels: int = MAX_PIXELS,
        check: Callable[[], None] = lambda: None,
    ) -> CaptionExample:
        """Encode one image, the content of a file or its base64, and the options of the search.

        `check` is called now and then while the image is read, and may raise.

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
        ngram = within(
            "no_repeat_ngram", no_repeat_ngram, known.no_repeat_ngram, MAX_NGRAM, least=0
        )
        search = BeamOptions(
            beam_width=within("beam_width", beam_width, known.beam_width, MAX_BEAM_WIDTH),
            max_length=within("max_length", max_length, known.max_length, known.max_length),
            length_penalty=penalty(length_penalty, known.length_penalty),
            end=EOS,
            wanted=num_captions,
            never=frozenset((PAD, BOS, UNK)),
            repetition=RepetitionOptions(ngram, joining=self._joining),
        )
        within("num_captions", num_captions, 1, search.beam_width, " (beam_width)")
        content = content_of(image, check)
        pixels = read_pixels(content, self._image, max_pixels=max_pixels, check=check)
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
        photographs = self._photographs(features)
        runs = []
        for row, example in enumerate(examples):
            states, contexts = self._decoder.split(first, row)
            photograph = None if photographs is None else photographs[row]
            runs.append(
                CaptionRun(example, self._words, self.features, states, contexts, photograph)
            )
        return runs

    def _photographs(self, features: Array) -> list[float] | None:
        """How likely each image is a photograph; None if the version cannot tell."""
        if self._familiar is None:
            return None
        outputs = self._familiar.run({self._familiar.inputs[0].name: features})
        logits = next(iter(outputs.values()))  # (batch,)
        if not np.isfinite(logits).all():
            raise InferenceFailed("the network's answer is not finite")
        chances: list[float] = logistic(logits).tolist()
        return chances

    def step(self, runs: Sequence[CaptionRun]) -> None:
        """One word for every row of `runs`, none of which is finished; all of them or none."""
        self._decoder.step(runs)

    def predict(self, examples: Sequence[CaptionExample]) -> list[CaptionPrediction]:
        """All images in one batch, from the first step to the last."""
        runs = self.begin(examples)
        while going := [run for run in runs if not run.finished]:
            self.step(going)
        return [run.prediction() for run in runs]

    def _check(self, decoder: StepDecoder) -> None:
        problems = decoder.problems(DECODER, {START: {each.name for each in self._start.outputs}})
        one_input = [(self._encoder, ENCODER), (self._start, START)]
        if self._familiar is not None:
            one_input.append((self._familiar, FAMILIAR))
        for session, name in one_input:
            if len(session.inputs) != 1:
                problems.append(f"{name} has {len(session.inputs)} inputs, not one")
        if self._encoder_output not in {each.name for each in self._encoder.outputs}:
            problems.append(f"{ENCODER} has no output {self._encoder_output}")
        if problems:
            raise ModelRefused("; ".join(problems))
