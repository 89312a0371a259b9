"""One text that is being written: its units, its stops, what is certain of it. Knows no network."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from app.tasks.generate.features import BEGIN
from app.tasks.generate.sampling import Sampler


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


class Writer:
    """One text: its ids so far, and what of it is certain."""

    def __init__(
        self,
        pieces: Sequence[str],
        sampler: Sampler,
        seed: int,
        length: int,
        stop: Sequence[str],
        *,
        whole: bool,
    ) -> None:
        """pieces: the text of each unit. length: units, at most. stop: it ends before the first.

        whole: whether it may end in its units only, and not within one.
        """
        self.sampler = sampler
        self.seed = seed
        self.finish = "" if length else "length"
        self.last = BEGIN
        self.ids: list[int] = []
        self.taken_back = 0  # units behind a stop
        self._pieces = pieces
        self._whole = whole
        self._stop = stop
        self._longest = max(map(len, stop), default=0)
        self._left = length
        self._text = ""
        self._scores: list[float] = []
        self._told = 0

    def take(self, unit: int, log_probability: float) -> None:
        """Take the next unit, which its sampler has drawn."""
        self.last = unit
        self.ids.append(unit)
        self._scores.append(log_probability)
        self._text += self._pieces[unit]
        self._left -= 1
        if self._stop and (end := self._stopped(len(self._pieces[unit]))) is not None:
            self._cut(end)
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

    def _stopped(self, newest: int) -> int | None:
        """Where the first stop begins that ends in so many of the last characters."""
        start = len(self._text) - newest
        # A stop may have begun before them.
        places = [self._text.find(each, max(0, start + 1 - len(each))) for each in self._stop]
        return min((place for place in places if place >= 0), default=None)

    def _cut(self, end: int) -> None:
        """The text ends at `end`; so do its units, without one that reaches over it."""
        length = len(self._text)
        self._text = self._text[:end]
        self.finish = "stop"
        while self.ids and length > end:
            length -= len(self._pieces[self.ids.pop()])
            self.taken_back += 1
        del self._scores[len(self.ids) :]
        if self._whole:
            self._text = self._text[:length]
