"""One text that goes on: what was read, what was drawn, when it ends. Knows no graph.

`GenerateTask` of `app.tasks.generate.task` begins runs and takes their steps. A run first reads its
prompt in chunks, with one row; then it writes, with one row for each sample that has not ended.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy.typing as npt
from pydantic import JsonValue

from app.serving.task import ExampleDefaults
from app.tasks.generate.features import BEGIN
from app.tasks.generate.rows import Rows
from app.tasks.generate.sampling import Sampler, SamplingOptions, next_seed
from app.tasks.generate.writer import Sample, Scored, Writer

Array = npt.NDArray[Any]

# Units of a prompt that are read in one step: others wait for no longer.
CHUNK: Final = 64


@dataclass(frozen=True)
class TextState:
    """Where a text is that goes on. The network has read all of it but its last unit.

    last: that unit, BEGIN at first. states: of the network, each (1, ...). seed, drawn: where its
    random numbers are, so many of that seed are used up.
    """

    last: int
    states: Mapping[str, Array]
    seed: int
    drawn: int


@dataclass(frozen=True)
class GenerateExample(ExampleDefaults):
    """One prompt, as ids, and how it goes on.

    stop: a text ends before the first of these. listener: called with each piece of the text as
    soon as it is certain, in a worker's thread; for one sample only. begin: where the text goes on
    from, None for a new one; with it, the prediction says where it has come to.
    """

    prompt: tuple[int, ...]
    max_length: int
    sampling: SamplingOptions
    seed: int
    stop: tuple[str, ...] = ()
    num_samples: int = 1
    log_probabilities: bool = False
    listener: Callable[[str], None] | None = None
    begin: TextState | None = None

    @property
    def rows(self) -> int:
        """Rows that it takes in a step, at most."""
        return self.num_samples

    @property
    def length(self) -> int:
        """Steps that it takes, at most."""
        return -(-(len(self.prompt) + 1) // CHUNK) + self.max_length


@dataclass(frozen=True)
class GeneratePrediction:
    """The samples of one prompt; `prompt` is scored if that was asked for, else None.

    end: where a text that goes on has come to. written: the ids of what was written of it.
    """

    samples: tuple[Sample, ...]
    prompt: tuple[Scored, ...] | None
    end: TextState | None = None
    written: tuple[int, ...] = ()

    def to_json(self) -> dict[str, JsonValue]:
        return {"samples": list[JsonValue](self.samples_json())}

    def samples_json(self) -> list[dict[str, JsonValue]]:
        """The samples, in their order."""
        answers = []
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
        return answers


class GenerateRun:
    """One prompt between two steps; states: those of the rows of the next step.

    A new text reads its prompt to the end, and draws its first units from what that has led to. A
    text that goes on does not read the last unit that is known: it is the first that is read when
    there is something to write, now or in a later request. So a text that is written in parts takes
    the same steps as in one go.
    """

    def __init__(
        self, example: GenerateExample, pieces: Sequence[str], states: Mapping[str, Array]
    ) -> None:
        """states: what it begins with, each (1, ...)."""
        self.states = Rows(states, 0, 1)
        self._example = example
        self._pieces = pieces
        begin = example.begin
        self._known = (BEGIN if begin is None else begin.last, *example.prompt)
        self._end = len(self._known) - (begin is not None)  # up to which it is read
        self._at = 0
        self.reading = self._end > 0  # whether the prompt has not been read to its end
        self._scored: list[Scored] = []
        self._writers = [self._writer(place) for place in range(example.num_samples)]
        self._open: list[Writer] = []
        self.samplers: list[Sampler] = []  # of the samples that have not ended, a row each
        # States before the last units that were written: a stop takes some of them back.
        self._past = deque[Rows](maxlen=max(map(len, example.stop), default=0))
        if not self.reading:
            self._go_on()

    @property
    def rows(self) -> int:
        """Rows of its next step."""
        return 1 if self.reading else len(self._open)

    @property
    def finished(self) -> bool:
        return not self.rows

    def tokens(self) -> list[Sequence[int]]:
        """What each row reads in its next step."""
        if self.reading:
            return [self._known[self._at : self._next]]
        return [[writer.last] for writer in self._open]

    def read(self, log_probabilities: Array) -> int | None:
        """Take a step of the prompt, (time, vocabulary).

        Returns the time that `samplers` draw their first units from; None if none is drawn yet:
        there is more to read, or it is a text that goes on.
        """
        at, self._at = self._at, self._next
        self.reading = self._at < self._end
        if self._example.log_probabilities:
            for time, token in enumerate(self._known[at + 1 : self._at + 1]):
                value = float(log_probabilities[time, token])
                self._scored.append(Scored(self._pieces[token], value))
        if self.reading:
            return None
        if self._example.begin is not None:
            self._go_on()
            return None
        self._open_all()
        return self._at - at - 1 if self._open else None

    def write(self, units: Sequence[int], log_probabilities: Sequence[float]) -> list[int]:
        """Take the units that `samplers` have drawn.

        Returns, for each row of the next step, its place among them.
        """
        if self._example.begin is not None:
            self._past.append(self.states)
        for writer, unit, value in zip(self._open, units, log_probabilities, strict=True):
            writer.take(unit, value)
            if self._example.listener is not None and (news := writer.news()):
                self._example.listener(news)
        kept = [place for place, writer in enumerate(self._open) if not writer.finish]
        if len(kept) < len(self._open):
            self._open = [self._open[place] for place in kept]
            self.samplers = [writer.sampler for writer in self._open]
        return kept if self._example.begin is None else [0]  # a text that has ended may go on

    def prediction(self) -> GeneratePrediction:
        """The samples, in the order of their seeds."""
        samples = tuple(writer.sample() for writer in self._writers)
        scored = tuple(self._scored) if self._example.log_probabilities else None
        begin = self._example.begin
        if begin is None:
            return GeneratePrediction(samples, scored)
        [writer] = self._writers
        back = writer.taken_back
        end = TextState(
            last=writer.ids[-1] if writer.ids else self._known[-1],
            states=(self._past[-back] if back else self.states).own(),
            seed=writer.seed,
            drawn=begin.drawn + len(writer.ids),
        )
        return GeneratePrediction(samples, scored, end, tuple(writer.ids))

    @property
    def _next(self) -> int:
        """How far the next step reads."""
        return min(self._at + CHUNK, self._end)

    def _go_on(self) -> None:
        """Write what a text that goes on should have; its last unit is read first."""
        self._open_all()
        for writer in self._open:
            writer.last = self._known[-1]

    def _open_all(self) -> None:
        self._open = [writer for writer in self._writers if not writer.finish]
        self.samplers = [writer.sampler for writer in self._open]

    def _writer(self, place: int) -> Writer:
        """That of sample number `place`."""
        example, seed = self._example, next_seed(self._example.seed, place)
        begin = example.begin
        return Writer(
            self._pieces,
            Sampler(example.sampling, seed, 0 if begin is None else begin.drawn),
            seed,
            example.max_length,
            example.stop,
            whole=begin is not None,
        )
