"""What goes on from value to value: options, network, series, surprise. Knows bytes, no store."""

import struct
from array import array
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from app.features.running import Running
from app.features.surprise import NUMBERS, Surprise
from app.features.widths import Widths

REMEMBERED: Final = 256  # scores that feedback may be about
DEFAULT_QUANTILES: Final = (0.1, 0.5, 0.9)
_FORMAT: Final = 2  # of the bytes; another one is not read
_HEAD: Final = struct.Struct("<qdddqqqqqq")


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What was told of a series.

    frequency and season_length: of the series, None where unknown. threshold: the score from which
    a value is called anomalous. quantiles: levels that are answered.
    """

    threshold: float
    frequency: str | None = None
    season_length: int | None = None
    quantiles: tuple[float, ...] = DEFAULT_QUANTILES


@dataclass(slots=True)  # not frozen: creating one would take four times as long
class SeriesState:
    """A series up to a value; not changed, but followed by another one.

    hidden (state,) float32: of the network. foretold (levels,): quantiles of the next value, None
    before the first one. scores (up to REMEMBERED,): of the last values, the last one last.
    """

    options: StreamOptions
    running: Running
    surprise: Surprise
    widths: Widths
    hidden: NDArray[np.float32]
    foretold: list[float] | None
    scores: "array[float]"

    @classmethod
    def first(cls, options: StreamOptions, state: int) -> Self:
        """Before the first value. Raises InvalidInput for an unknown frequency."""
        return cls(
            options,
            Running(options.frequency, options.season_length),
            Surprise(),
            Widths(),
            np.zeros(state, np.float32),
            None,
            array("d"),
        )

    @property
    def position(self) -> int:
        """Values so far."""
        return self.running.position

    def with_threshold(self, threshold: float) -> Self:
        """The same with another threshold."""
        return replace(self, options=replace(self.options, threshold=threshold))

    def pack(self) -> bytes:
        """All of it as bytes."""
        o = self.options
        frequency = (o.frequency or "").encode()
        foretold = self.foretold or ()
        head = _HEAD.pack(
            _FORMAT,
            o.threshold,
            self.widths.below,
            self.widths.above,
            o.season_length or 0,
            len(frequency),
            len(o.quantiles),
            len(self.hidden),
            len(foretold),
            len(self.scores),
        )
        quantiles, surprise = array("d", o.quantiles), array("d", self.surprise.numbers)
        arrays = (quantiles, self.hidden, array("d", foretold), self.scores, surprise)
        parts = [each.tobytes() for each in arrays]
        return b"".join([head, frequency, *parts, self.running.pack()])

    @classmethod
    def unpack(cls, content: bytes) -> Self:
        """What `pack` made. Raises ValueError for anything else."""
        try:
            form, threshold, below, above, season, letters, *counts = _HEAD.unpack_from(content)
            if form != _FORMAT:
                raise ValueError(f"a state of format {form} cannot be read, only {_FORMAT}")
            at = _HEAD.size + letters
            frequency = content[_HEAD.size : at].decode()
            asked, units, levels, remembered = counts
            hidden_at = at + 8 * asked
            at = hidden_at + 4 * units
            hidden = np.frombuffer(content, np.float32, units, hidden_at).copy()
            numbers = array("d", content[at : at + 8 * (levels + remembered + NUMBERS)])
            quantiles = array("d", content[hidden_at - 8 * asked : hidden_at])
            running = Running.unpack(content[at + 8 * (levels + remembered + NUMBERS) :])
        except (struct.error, UnicodeDecodeError) as error:
            raise ValueError(f"{len(content)} bytes are no state of a series: {error}") from None
        options = StreamOptions(threshold, frequency or None, season or None, tuple(quantiles))
        return cls(
            options,
            running,
            Surprise(numbers[levels + remembered :].tolist()),
            Widths(below, above),
            hidden,
            numbers[:levels].tolist() or None,
            numbers[levels : levels + remembered],
        )
