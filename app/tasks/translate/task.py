"""What a translate request means: a text in, the same in another language out. No HTTP.

Two graphs work together:

* `encoder.onnx`: `source_ids` (batch, time) and `lengths` (batch) int64 -> the first inputs of the
  decoder, by their names. A row is the tag of the target language, a sentence, and the end.
* `decoder.onnx`: one step of any number of rows, as `app.tasks.decoding.decoder` describes it; it
  attends to the source tokens. Its first token is the tag.

A text is cut into sentences (`app.features.sentences`), which are translated one after the other.
The engine takes the steps, so requests join and leave between them.

Sums over source tokens are rounded otherwise where there is more padding. So a sentence is padded
to the next multiple of `BUCKET`, whoever is there, and only sentences of the same padded length
are computed together.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from app.errors import InferenceFailed, InvalidInput, ModelRefused
from app.features.sentences import pieces, sentences
from app.features.text import TOKENIZER_FILE
from app.serving.models.manifest import Manifest
from app.serving.runtime.session import Session
from app.tasks.decoding.beam_search import MAX_BEAM_WIDTH, BeamOptions
from app.tasks.decoding.decoder import StepDecoder
from app.tasks.decoding.options import MAX_NGRAM, penalty, within
from app.tasks.decoding.repetition import RepetitionOptions
from app.tasks.translate.features import END, PAD, Subwords, TranslateFeatures
from app.tasks.translate.run import (
    Sentence,
    TranslateExample,
    TranslatePrediction,
    TranslateRun,
)

Array = npt.NDArray[Any]

ENCODER: Final = "encoder.onnx"
DECODER: Final = "decoder.onnx"
BUCKET: Final = 32
_INPUTS: Final = {"source_ids", "lengths"}
# Beginning many sentences takes as long as many steps of everybody else.
_MAX_SENTENCES: Final = 200
_PIECE: Final = 4000  # characters


class TranslateTask:
    """Serves any encoder and any decoder of steps that attends to it."""

    def __init__(
        self, features: TranslateFeatures, subwords: Subwords, encoder: Session, decoder: Session
    ) -> None:
        """Check the graphs.

        Raises:
            ModelRefused: the two graphs do not fit together.
        """
        self.features = features
        self.subwords = subwords
        self._encoder = encoder
        self._decoder = StepDecoder(decoder, attends=True)
        given = {each.name for each in encoder.outputs}
        problems = self._decoder.problems(DECODER, {ENCODER: given})
        if {each.name for each in encoder.inputs} != _INPUTS:
            problems.append(f"the inputs of {ENCODER} are not {' and '.join(sorted(_INPUTS))}")
        if problems:
            raise ModelRefused("; ".join(problems))

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: Callable[[str], Session]) -> Self:
        features = TranslateFeatures.model_validate(manifest.features)
        if TOKENIZER_FILE not in manifest.files:
            raise ModelRefused(f"the manifest does not list {TOKENIZER_FILE}")
        subwords = Subwords.load(folder / TOKENIZER_FILE, features)
        return cls(features, subwords, open_session(ENCODER), open_session(DECODER))

    def encode(
        self,
        text: str,
        target: str,
        source: str | None = None,
        beam_width: int | None = None,
        num_translations: int = 1,
        max_length: int | None = None,
        length_penalty: float | None = None,
        no_repeat_ngram: int | None = None,
        attention: bool = False,
    ) -> TranslateExample:
        """Encode one text, and the options of the search.

        Raises:
            InvalidInput: there is no text, no such pair of languages, or an option is out of range.
        """
        known = self.features
        self._check_languages(source, target)
        search = BeamOptions(
            beam_width=within("beam_width", beam_width, known.beam_width, MAX_BEAM_WIDTH),
            max_length=within("max_length", max_length, known.max_length, known.max_length),
            length_penalty=penalty(length_penalty, known.length_penalty),
            end=END,
            wanted=num_translations,
            never=self.subwords.never,
            repetition=RepetitionOptions(
                within(
                    *("no_repeat_ngram", no_repeat_ngram, known.no_repeat_ngram, MAX_NGRAM), least=0
                ),
                inner=self.subwords.inner,
                joining=self.subwords.joining,
            ),
        )
        within("num_translations", num_translations, 1, search.beam_width, " (beam_width)")
        found = self._sentences(text, target)
        if not found:
            raise InvalidInput(
                "there is nothing to translate", field="text", allowed="a text that is not empty"
            )
        _check_count(len(found))
        return TranslateExample(found, search, self.subwords.tags[target], attention)

    def begin(self, examples: Sequence[TranslateExample]) -> list[TranslateRun]:
        """Encode the sentences of all texts, those of the same padded length together."""
        rows = [
            (index, place, sentence.source)
            for index, example in enumerate(examples)
            for place, sentence in enumerate(example.sentences)
        ]
        by_size: dict[int, list[tuple[int, int, tuple[int, ...]]]] = {}
        for row in rows:
            by_size.setdefault(-(-len(row[2]) // BUCKET) * BUCKET, []).append(row)
        begun: dict[tuple[int, int], tuple[int, dict[str, Array], dict[str, Array]]] = {}
        for size, members in by_size.items():
            first = self._encoded([source for _, _, source in members], size)
            for number, (index, place, _) in enumerate(members):
                states, contexts = self._decoder.split(first, number)
                begun[index, place] = (size, states, contexts)
        runs = []
        for index, example in enumerate(examples):
            parts = [begun[index, place] for place in range(len(example.sentences))]
            inputs = [(states, contexts) for _, states, contexts in parts]
            sizes = [size for size, _, _ in parts]
            runs.append(TranslateRun(example, self.subwords, inputs, sizes))
        return runs

    def step(self, runs: Sequence[TranslateRun]) -> None:
        """One token for every row of `runs`, none of which is finished; all of them or none."""
        self._decoder.step([run.search for run in runs])
        for run in runs:
            run.advance()

    def predict(self, examples: Sequence[TranslateExample]) -> list[TranslatePrediction]:
        """All texts in one batch, from the first step to the last."""
        runs = self.begin(examples)
        while going := [run for run in runs if not run.finished]:
            self.step(going)
        return [run.prediction() for run in runs]

    def _sentences(self, text: str, target: str) -> tuple[Sentence, ...]:
        most = self.features.max_source - 2  # the tag and the end are read, too
        found = []
        cut = sentences(text)
        _check_count(len(cut))
        for sentence, gap in cut:
            parts = self._parts(sentence, most)
            for number, ids in enumerate(parts):
                last = number == len(parts) - 1
                source = self.subwords.source(ids, target)
                found.append(Sentence(tuple(source), gap if last else " "))
        return tuple(found)

    def _parts(self, sentence: str, most: int) -> list[list[int]]:
        """The ids of a sentence, in parts of at most `most` tokens."""
        # The tokeniser holds the interpreter: it is not given all of what no sentence is.
        ids = [self.subwords.encode(part) for part in pieces(sentence, _PIECE)]
        count = sum(map(len, ids))
        if count <= most:
            return [list(chain.from_iterable(ids))]
        # A character is four bytes at most, and so many tokens.
        room = max(1, len(sentence) * most // count * 3 // 4, most // 4)
        parts = []
        for part in pieces(sentence, room):
            found = self.subwords.encode(part)
            parts += [found[at : at + most] for at in range(0, len(found), most)]
        return parts

    def _encoded(self, rows: Sequence[tuple[int, ...]], size: int) -> dict[str, Array]:
        source = np.full((len(rows), size), PAD, np.int64)
        for row, ids in enumerate(rows):
            source[row, : len(ids)] = ids
        lengths = np.array([len(ids) for ids in rows], np.int64)
        found = self._encoder.run({"source_ids": source, "lengths": lengths})
        if not all(np.isfinite(value).all() for value in found.values()):
            raise InferenceFailed("the encoder's answer is not finite")
        return found

    def _check_languages(self, source: str | None, target: str) -> None:
        known = self.features
        pairs = ", ".join(f"{known.source} to {each}" for each in known.targets)
        if target not in known.targets:
            raise InvalidInput(
                f"this model does not translate into {target!r}: it knows {pairs}",
                field="target",
                allowed=f"one of {', '.join(known.targets)}",
            )
        if source not in (None, known.source):
            raise InvalidInput(
                f"this model does not translate from {source!r}: it knows {pairs}",
                field="source",
                allowed=f"{known.source}, or null",
            )


def _check_count(count: int) -> None:
    if count > _MAX_SENTENCES:
        raise InvalidInput(
            f"{count} sentences are too many",
            field="text",
            allowed=f"at most {_MAX_SENTENCES} sentences in a text",
        )
