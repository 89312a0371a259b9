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
from app.tasks.generate.sampling import Sampler, SamplingOptions, next_seed

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


class _Writer:
    """One sample: its ids so far, and what of its text is certain."""

    def __init__(self, example: GenerateExample, pieces: Sequence[str], place: int) -> None:
        self.seed = next_seed(example.seed, place)
        self.finish = "" if example.max_length else "length"
        self.last = BEGIN
        self.ids: list[int] = []
        self.drawn = 0
        drawn = 0 if example.begin is None else example.begin.drawn
        self.sampler = Sampler(example.sampling, self.seed, drawn)
        self._pieces = pieces
        self._whole = example.begin is not None  # whether a text may end in its units only
        self._stop = example.stop
        self._longest = max(map(len, example.stop), default=0)
        self._left = example.max_length
        self._text = ""
        self._scores: list[float] = []
        self._told = 0

    def take(self, unit: int, log_probability: float) -> None:
        """Take the next unit, which its sampler has drawn."""
        self.last = unit
        self.ids.append(unit)
        self._scores.append(log_probability)
        self.drawn += 1
        start = len(self._text)
        self._text += self._pieces[unit]
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
        pieces = (self._pieces[each] for each in self.ids)
        return Sample(self._text, self.finish, self.seed, tuple(map(Scored, pieces, self._scores)))

    def _cut(self, end: int) -> None:
        """The text ends at `end`; so do its units, without one that reaches over it."""
        length = len(self._text)
        self._text = self._text[:end]
        self.finish = "stop"
        while self.ids and length > end:
            length -= len(self._pieces[self.ids.pop()])
        del self._scores[len(self.ids) :]
        if self._whole:
            self._text = self._text[:length]


class GenerateRun:
    """One prompt between two steps; states: each (rows of the next step, ...).

    A new text reads its prompt to the end, and draws its first units from what that has led to. A
    text that goes on does not read the last unit that is known: it is the first that is read when
    there is something to write, now or in a later request. So a text that is written in parts takes
    the same steps as in one go.
    """

    def __init__(
        self, example: GenerateExample, pieces: Sequence[str], states: dict[str, Array]
    ) -> None:
        self.states = states
        self._example = example
        self._pieces = pieces
        begin = example.begin
        self._known = (BEGIN if begin is None else begin.last, *example.prompt)
        self._end = len(self._known) - (begin is not None)  # up to which it is read
        self._at = 0
        self._scored: list[Scored] = []
        writers = range(example.num_samples)
        self._writers = [_Writer(example, pieces, place) for place in writers]
        self._open: list[_Writer] = []
        # States before the last units that were written: a stop takes some of them back.
        self._past = deque[dict[str, Array]](maxlen=max(map(len, example.stop), default=0))
        if not self.reading:
            self._go_on()

    @property
    def reading(self) -> bool:
        """Whether the prompt has not been read to its end."""
        return self._at < self._end

    @property
    def rows(self) -> int:
        """Rows of its next step."""
        return 1 if self.reading else len(self._open)

    @property
    def finished(self) -> bool:
        return not self.rows

    @property
    def samplers(self) -> list[Sampler]:
        """Those of the samples that have not ended, a row each."""
        return [writer.sampler for writer in self._open]

    def tokens(self) -> list[Sequence[int]]:
        """What each row reads in its next step."""
        if self.reading:
            return [self._known[self._at : self._next]]
        return [[writer.last] for writer in self._open]

    def read(self, log_probabilities: Array) -> list[int]:
        """Take a step of the prompt, (time, vocabulary).

        Returns, for each of `samplers`, the time that its first unit is drawn from; nothing if none
        is drawn yet: there is more to read, or it is a text that goes on.
        """
        at, self._at = self._at, self._next
        if self._example.log_probabilities:
            for time, token in enumerate(self._known[at + 1 : self._at + 1]):
                value = float(log_probabilities[time, token])
                self._scored.append(Scored(self._pieces[token], value))
        if self.reading:
            return []
        if self._example.begin is not None:
            self._go_on()
            return []
        self._open = [writer for writer in self._writers if not writer.finish]
        return [self._at - at - 1] * len(self._open)

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
        self._open = [self._open[place] for place in kept]
        return kept if self._example.begin is None else [0]  # a text that has ended may go on

    def prediction(self) -> GeneratePrediction:
        """The samples, in the order of their seeds."""
        samples = tuple(writer.sample() for writer in self._writers)
        scored = tuple(self._scored) if self._example.log_probabilities else None
        begin = self._example.begin
        if begin is None:
            return GeneratePrediction(samples, scored)
        [writer] = self._writers
        back = writer.drawn - len(writer.ids)
        end = TextState(
            last=writer.ids[-1] if writer.ids else self._known[-1],
            states=self._past[-back] if back else self.states,
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
        self._open = [writer for writer in self._writers if not writer.finish]
        for writer in self._open:
            writer.last = self._known[-1]
