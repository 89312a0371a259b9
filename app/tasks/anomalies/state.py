"""What goes on from value to value: options, network, series, surprise. Knows bytes, no store."""

import struct
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from app.features.running import Running
from app.features.surprise import Surprise
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


@dataclass(frozen=True, slots=True)
class SeriesState:
    """A series up to a value; not changed, but followed by another one.

    hidden (state,) float32: of the network. foretold (levels,): quantiles of the next value, empty
    before the first one. scores (up to REMEMBERED,): of the last values, the last one last.
    """

    options: StreamOptions
    running: Running
    surprise: Surprise
    widths: Widths
    hidden: NDArray[np.float32]
    foretold: NDArray[np.float64]
    scores: NDArray[np.float64]

    @classmethod
    def first(cls, options: StreamOptions, state: int) -> Self:
        """Before the first value. Raises InvalidInput for an unknown frequency."""
        return cls(
            options,
            Running(options.frequency, options.season_length),
            Surprise(),
            Widths(),
            np.zeros(state, np.float32),
            np.zeros(0),
            np.zeros(0),
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
        surprise = np.array(self.surprise.numbers)
        quantiles = np.array(o.quantiles)
        head = _HEAD.pack(
            _FORMAT,
            o.threshold,
            self.widths.below,
            self.widths.above,
            o.season_length or 0,
            len(frequency),
            len(quantiles),
            len(self.hidden),
            len(self.foretold),
            len(self.scores),
        )
        arrays = (quantiles, self.hidden, self.foretold, self.scores, surprise)
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
            arrays: list[NDArray[np.float64]] = []
            hidden = np.zeros(0, np.float32)
            for index, count in enumerate(counts):
                kind = np.float32 if index == 1 else np.float64
                part = np.frombuffer(content, kind, count, at)
                at += part.nbytes
                if index == 1:
                    hidden = np.array(part, np.float32)
                else:
                    arrays.append(np.array(part, np.float64))
            size = 8 * len(Surprise().numbers)
            surprise = Surprise(np.frombuffer(content[at : at + size], np.float64).tolist())
        except (struct.error, UnicodeDecodeError) as error:
            raise ValueError(f"{len(content)} bytes are no state of a series: {error}") from None
        quantiles, known, remembered = arrays
        options = StreamOptions(
            threshold, frequency or None, season or None, tuple(quantiles.tolist())
        )
        running = Running.unpack(content[at + size :])
        widths = Widths(below, above)
        return cls(options, running, surprise, widths, hidden, known, remembered)
