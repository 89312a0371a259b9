"""What a request to generate means: a beginning in, texts that go on from it out. No HTTP.

One graph, `model.onnx`, takes any number of steps of any number of rows: `token_ids` (batch, time)
and `lengths` (batch) int64, and states (batch, ...), of which each input `x` has an output `next_x`
-> `log_probabilities` (batch, time, vocabulary) of the unit after each step, and the states after a
row's last step. A text begins with states of zeros, unless the features say otherwise. A prompt is
read in chunks, a text is written unit by unit; the engine takes the steps, so requests join and
leave between them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from app.errors import InferenceFailed, InvalidInput, ModelRefused
from app.features.text import TOKENIZER_FILE
from app.serving.models.manifest import Manifest
from app.serving.runtime.session import Session
from app.tasks.decoding.options import within
from app.tasks.generate.features import BEGIN, GenerateFeatures, Units
from app.tasks.generate.rows import Rows, together
from app.tasks.generate.run import GenerateExample, GeneratePrediction, GenerateRun, TextState
from app.tasks.generate.sampling import MAX_SEED, SamplingOptions, draw, drawn_seed

Array = npt.NDArray[Any]

GRAPH: Final = "model.onnx"
MAX_SAMPLES: Final = 16
MAX_TEMPERATURE: Final = 10.0
MAX_STOPS: Final = 8
MAX_STOP_CHARACTERS: Final = 64
_TOKENS: Final = "token_ids"
_LENGTHS: Final = "lengths"
_ANSWER: Final = "log_probabilities"
_NEXT: Final = "next_"


class GenerateTask:
    """Serves any recurrent language model."""

    def __init__(self, features: GenerateFeatures, units: Units, session: Session) -> None:
        """Check the graph.

        Raises:
            ModelRefused: it is no such graph, or knows other units.
        """
        self.features = features
        self.units = units
        self._session = session
        answers = {each.name: each for each in session.outputs}
        inputs = {each.name: each for each in session.inputs}
        states = [name for name in inputs if name not in (_TOKENS, _LENGTHS)]
        problems = [
            *(f"no input {name}" for name in (_TOKENS, _LENGTHS) if name not in inputs),
            *(f"no output {name}" for name in (_ANSWER,) if name not in answers),
            *(f"no output {_NEXT}{name}" for name in states if f"{_NEXT}{name}" not in answers),
        ]
        if problems:
            raise ModelRefused(f"{GRAPH} has {', '.join(problems)}")
        known = answers[_ANSWER].shape[-1]
        if known != len(units):
            raise ModelRefused(f"{GRAPH} knows {known} units, {TOKENIZER_FILE} has {len(units)}")
        sizes = {name: inputs[name].shape[1:] for name in states}
        if not all(isinstance(size, int) for shape in sizes.values() for size in shape):
            raise ModelRefused(f"a state of {GRAPH} has no fixed size")
        self._initial = {
            name: np.full(
                (1, *(int(size) for size in shape if size is not None)),
                features.initial.get(name, 0.0),
                np.float32,
            )
            for name, shape in sizes.items()
        }
        self._answers = (_ANSWER, *(f"{_NEXT}{name}" for name in states))

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: Callable[[str], Session]) -> Self:
        features = GenerateFeatures.model_validate(manifest.features)
        if TOKENIZER_FILE not in manifest.files:
            raise ModelRefused(f"the manifest does not list {TOKENIZER_FILE}")
        return cls(features, Units.load(folder / TOKENIZER_FILE), open_session(GRAPH))

    def encode(
        self,
        prompt: str,
        max_length: int,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        stop: str | Sequence[str] = (),
        num_samples: int = 1,
        log_probabilities: bool = False,
    ) -> GenerateExample:
        """Encode one prompt, and how it goes on; a seed is drawn if there is none.

        Raises:
            InvalidInput: the prompt has characters that the model does not know, or an option is
                out of range.
        """
        known = self.features
        max_length = within("max_length", max_length, 0, known.max_length, least=0)
        ids = self.units.encode(prompt, "prompt")
        if not max_length and not (ids and log_probabilities):
            raise InvalidInput(
                "max_length 0 only scores a prompt, and needs one and log_probabilities",
                field="max_length",
                allowed=f"1 to {known.max_length}, or 0 with a prompt and log_probabilities",
            )
        return GenerateExample(
            prompt=tuple(ids),
            max_length=max_length,
            sampling=self._sampling(temperature, top_k, top_p),
            seed=within("seed", seed, drawn_seed(), MAX_SEED, least=0),
            stop=_stops(stop),
            num_samples=within("num_samples", num_samples, 1, MAX_SAMPLES),
            log_probabilities=log_probabilities,
        )

    def encode_on(
        self,
        begin: TextState,
        text: str = "",
        max_length: int = 0,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        stop: str | Sequence[str] = (),
        log_probabilities: bool = False,
    ) -> GenerateExample:
        """Encode how a text goes on from `begin`: by `text`, and by what is written after it.

        Without a seed its random numbers go on, too.

        Raises:
            InvalidInput: as `encode` does; there is nothing to read and nothing to write.
        """
        known = self.features
        max_length = within("max_length", max_length, 0, known.max_length, least=0)
        ids = self.units.encode(text, "text")
        if not max_length and not ids:
            raise InvalidInput(
                "there is nothing to read and nothing to write",
                field="max_length",
                allowed=f"1 to {known.max_length}, or a text",
            )
        if seed is not None:
            begin = replace(begin, seed=within("seed", seed, 0, MAX_SEED, least=0), drawn=0)
        return GenerateExample(
            prompt=tuple(ids),
            max_length=max_length,
            sampling=self._sampling(temperature, top_k, top_p),
            seed=begin.seed,
            stop=_stops(stop),
            log_probabilities=log_probabilities,
            begin=begin,
        )

    def first_state(self) -> TextState:
        """Where every text begins, with random numbers of its own."""
        return TextState(BEGIN, dict(self._initial), drawn_seed(), 0)

    def begin(self, examples: Sequence[GenerateExample]) -> list[GenerateRun]:
        """A run for each, before its first step."""
        return [
            GenerateRun(
                each,
                self.units.pieces,
                self._initial if each.begin is None else each.begin.states,
            )
            for each in examples
        ]

    def _sampling(
        self, temperature: float | None, top_k: int | None, top_p: float | None
    ) -> SamplingOptions:
        known, most = self.features, len(self.units) - 1
        return SamplingOptions(
            temperature=_number(
                "temperature", temperature, known.temperature, MAX_TEMPERATURE, zero=True
            ),
            top_k=known.top_k if top_k is None else within("top_k", top_k, 1, most),
            top_p=_number("top_p", top_p, known.top_p, 1.0, zero=False),
        )

    def step(self, runs: Sequence[GenerateRun]) -> None:
        """One chunk of a prompt, or one unit of each sample, of every run; all of them or none.

        Texts that are written are one batch, prompts that are read another one.
        """
        reading = [run for run in runs if run.reading]
        writing = [run for run in runs if not run.reading] if reading else runs
        computed = [(group, self._computed(group)) for group in (writing, reading) if group]
        for group, outputs in computed:
            self._advance(group, outputs)

    def predict(self, examples: Sequence[GenerateExample]) -> list[GeneratePrediction]:
        """All prompts in one batch, from the first step to the last."""
        runs = self.begin(examples)
        while going := [run for run in runs if not run.finished]:
            self.step(going)
        return [run.prediction() for run in runs]

    def _computed(self, runs: Sequence[GenerateRun]) -> dict[str, Array]:
        rows = [row for run in runs for row in run.tokens()]
        if runs[0].reading:
            lengths = np.array([len(row) for row in rows], np.int64)
            padded = np.zeros((len(rows), int(lengths.max())), np.int64)
            for place, row in enumerate(rows):
                padded[place, : len(row)] = row
        else:
            padded, lengths = np.array(rows, np.int64), np.ones(len(rows), np.int64)
        feeds = {_TOKENS: padded, _LENGTHS: lengths, **together([run.states for run in runs])}
        outputs = self._session.run(feeds, self._answers)
        if np.isnan(outputs[_ANSWER]).any():
            raise InferenceFailed("the network's answer is not a number")
        return outputs

    def _advance(self, runs: Sequence[GenerateRun], outputs: Mapping[str, Array]) -> None:
        """Take a step of runs that all write or all read; who has read its prompt draws."""
        values = outputs[_ANSWER]  # (rows, time, vocabulary)
        if not runs[0].reading:
            self._write(runs, values[:, 0], range(len(values)), outputs)
            return
        states = self._states(outputs)
        drawing: list[GenerateRun] = []
        rows: list[int] = []  # that each sampler draws from
        times: list[int] = []
        for row, run in enumerate(runs):
            time = run.read(values[row])
            run.states = Rows(states, row, row + 1)
            if time is not None:
                samples = len(run.samplers)
                drawing.append(run)
                rows += [row] * samples
                times += [time] * samples
        if drawing:
            self._write(drawing, values[rows, times], rows, outputs)

    def _write(
        self,
        runs: Sequence[GenerateRun],
        log_probabilities: Array,
        rows: Sequence[int],
        outputs: Mapping[str, Array],
    ) -> None:
        """Draw for all samplers, from (samplers, vocabulary); `rows` are theirs in `outputs`."""
        samplers = [run.samplers for run in runs]
        units, scores = draw([each for own in samplers for each in own], log_probabilities)
        parents: list[int] = []
        sizes = []
        first = 0
        for run, own in zip(runs, samplers, strict=True):
            last = first + len(own)
            kept = run.write(units[first:last], scores[first:last])
            parents += [rows[first + place] for place in kept]
            sizes.append(len(kept))
            first = last
        states = self._states(outputs)
        if parents != list(range(len(outputs[_ANSWER]))):
            states = {name: value[parents] for name, value in states.items()}
        first = 0
        for run, size in zip(runs, sizes, strict=True):
            run.states = Rows(states, first, first + size)
            first += size

    def _states(self, outputs: Mapping[str, Array]) -> dict[str, Array]:
        """Those after a step, by the names that the next step takes."""
        return {name: outputs[f"{_NEXT}{name}"] for name in self._initial}


def _number(name: str, value: float | None, default: float, most: float, *, zero: bool) -> float:
    if value is None:
        return default
    if not (math.isfinite(value) and (value >= 0 if zero else value > 0) and value <= most):
        allowed = f"a number, {'0' if zero else 'more than 0, up'} to {most:g}"
        raise InvalidInput(f"{value} is out of range", field=name, allowed=allowed)
    return value


def _stops(stop: str | Sequence[str]) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else tuple(stop)
    allowed = f"texts of 1 to {MAX_STOP_CHARACTERS} characters, at most {MAX_STOPS}"
    if len(stops) > MAX_STOPS:
        raise InvalidInput(f"{len(stops)} stops are too many", field="stop", allowed=allowed)
    for index, each in enumerate(stops):
        if not 1 <= len(each) <= MAX_STOP_CHARACTERS:
            field = "stop" if isinstance(stop, str) else f"stop[{index}]"
            message = f"a stop of {len(each)} characters"
            raise InvalidInput(message, field=field, allowed=allowed)
    return stops
