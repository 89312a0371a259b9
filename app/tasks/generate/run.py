"""One text that goes on: what was read, what was drawn, when it ends. Knows no graph.

`GenerateTask` of `app.tasks.generate.task` begins runs and takes their steps. A run first reads its
prompt in chunks, with one row; then it writes, with one row for each sample that has not ended.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from app.serving.task import ExampleDefaults
from app.tasks.generate.features import BEGIN
from app.tasks.generate.sampling import Sampler, SamplingOptions, next_seed

Array = npt.NDArray[Any]

# Units of a prompt that are read in one step: others wait for no longer.
CHUNK: Final = 64


@dataclass(frozen=True)
class GenerateExample(ExampleDefaults):
    """One prompt, as ids, and how it goes on.

    stop: a text ends before the first of these. listener: called with each piece of the text as
    soon as it is certain, in a worker's thread; for one sample only.
    """

    prompt: tuple[int, ...]
    max_length: int
    sampling: SamplingOptions
    seed: int
    stop: tuple[str, ...] = ()
    num_samples: int = 1
    log_probabilities: bool = False
    listener: Callable[[str], None] | None = None

    @property
    def rows(self) -> int:
        """Rows that it takes in a step, at most."""
        return self.num_samples

    @property
    def length(self) -> int:
        """Steps that it takes, at most."""
        return -(-(len(self.prompt) + 1) // CHUNK) + self.max_length


@dataclass(frozen=True)
class Scored:
    """A unit of text and the logarithm of its probability after all before it."""

    text: str
    log_probability: float

    def to_json(self) -> dict[str, JsonValue]:
        return {"text": self.text, "log_probability": self.log_probability}


@dataclass(frozen=True)
class Sample:
    """One text. finish: why it ends, `stop` or `length`."""

    text: str
    finish: str
    seed: int
    units: tuple[Scored, ...]


@dataclass(frozen=True)
class GeneratePrediction:
    """The samples of one prompt; `prompt` is scored if that was asked for, else None."""

    samples: tuple[Sample, ...]
    prompt: tuple[Scored, ...] | None

    def to_json(self) -> dict[str, JsonValue]:
        answers: list[JsonValue] = []
        for sample in self.samples:
            answer: dict[str, JsonValue] = {
                "text": sample.text,
                "finish": sample.finish,
                "seed": sample.seed,
            }
            if self.prompt is not None:
                answer["prompt"] = [each.to_json() for each in self.prompt]
                answer["characters"] = [each.to_json() for each in sample.units]
            answers.append(answer)
        return {"samples": answers}


class _Writer:
    """One sample: its ids so far, and what of its text is certain."""

    def __init__(self, example: GenerateExample, pieces: Sequence[str], place: int) -> None:
        self.seed = next_seed(example.seed, place)
        self.finish = "" if example.max_length else "length"
        self.last = BEGIN
        self._sampler = Sampler(example.sampling, self.seed)
        self._pieces = pieces
        self._stop = example.stop
        self._longest = max(map(len, example.stop), default=0)
        self._left = example.max_length
        self._text = ""
        self._units: list[Scored] = []
        self._told = 0

    def take(self, log_probabilities: Array) -> None:
        """Draw the next unit from (vocabulary,)."""
        self.last = self._sampler.draw(log_probabilities)
        piece = self._pieces[self.last]
        start = len(self._text)
        self._text += piece
        self._units.append(Scored(piece, float(log_probabilities[self.last])))
        self._left -= 1
        # A stop may have begun before this unit.
        places = [self._text.find(each, max(0, start + 1 - len(each))) for each in self._stop]
        found = [place for place in places if place >= 0]
        if found:
            self._cut(min(found))
        elif not self._left:
            self.finish = "length"

    def news(self) -> str:
        """What has become certain since the last call: a stop may have begun behind it."""
        certain = len(self._text)
        if not self.finish:
            for size in range(min(self._longest - 1, len(self._text)), 0, -1):
                tail = self._text[-size:]
                if any(len(each) > size and each.startswith(tail) for each in self._stop):
                    certain -= size
                    break
        told, self._told = self._told, max(self._told, certain)
        return self._text[told:certain]

    def sample(self) -> Sample:
        return Sample(self._text, self.finish, self.seed, tuple(self._units))

    def _cut(self, end: int) -> None:
        """The text ends at `end`; so do its units, without one that reaches over it."""
        self._text = self._text[:end]
        self.finish = "stop"
        length = sum(len(each.text) for each in self._units)
        while self._units and length > end:
            length -= len(self._units.pop().text)


class GenerateRun:
    """One prompt between two steps; states: each (rows of the next step, ...)."""

    def __init__(
        self, example: GenerateExample, pieces: Sequence[str], states: dict[str, Array]
    ) -> None:
        self.states = states
        self._example = example
        self._pieces = pieces
        self._rest = (BEGIN, *example.prompt)  # what has not been read
        self._scored: list[Scored] = []
        writers = range(example.num_samples)
        self._writers = [_Writer(example, pieces, place) for place in writers]
        self._open: list[_Writer] = []

    @property
    def reading(self) -> bool:
        """Whether the prompt has not been read to its end."""
        return bool(self._rest)

    @property
    def rows(self) -> int:
        """Rows of its next step."""
        return 1 if self._rest else len(self._open)

    @property
    def finished(self) -> bool:
        return not self.rows

    def tokens(self) -> Array:
        """What it reads in its next step: (rows, time) int64."""
        if self._rest:
            return np.array([self._rest[:CHUNK]], np.int64)
        return np.array([[writer.last] for writer in self._open], np.int64)

    def read(self, log_probabilities: Array) -> list[int]:
        """Take a step of the prompt, (time, vocabulary).

        Returns, for each row of the next step, the row that it continues.
        """
        count = len(self._rest[:CHUNK])
        if self._example.log_probabilities:
            for time, token in enumerate(self._rest[1 : count + 1]):
                value = float(log_probabilities[time, token])
                self._scored.append(Scored(self._pieces[token], value))
        self._rest = self._rest[count:]
        if self._rest:
            return [0]
        self._open = [writer for writer in self._writers if not writer.finish]
        return self._take([log_probabilities[count - 1]] * len(self._open), [0] * len(self._open))

    def write(self, log_probabilities: Array) -> list[int]:
        """Take a step of the samples, (rows, vocabulary); returns as `read` does."""
        return self._take(list(log_probabilities), list(range(len(self._open))))

    def prediction(self) -> GeneratePrediction:
        """The samples, in the order of their seeds."""
        samples = tuple(writer.sample() for writer in self._writers)
        scored = tuple(self._scored) if self._example.log_probabilities else None
        return GeneratePrediction(samples, scored)

    def _take(self, values: Sequence[Array], parents: Sequence[int]) -> list[int]:
        kept = []
        for writer, value, parent in zip(self._open, values, parents, strict=True):
            writer.take(value)
            if self._example.listener is not None and (news := writer.news()):
                self._example.listener(news)
            if not writer.finish:
                kept.append((writer, parent))
        self._open = [writer for writer, _ in kept]
        return [parent for _, parent in kept]
