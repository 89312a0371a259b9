"""Draws the next unit of a text. Knows log-probabilities and a seed; no network and no text.

A text depends on its seed and its own log-probabilities alone. NumPy promises that the raw numbers
of a bit generator stay the same from version to version; of what it makes of them it does not.
"""

import secrets
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

MAX_SEED: Final = 2**53 - 1
"""The largest whole number that every reader of JSON keeps."""
_MANTISSA: Final = 53


@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """How the next unit is drawn."""

    # Log-probabilities are divided by it; 0 takes the likeliest.
    temperature: float = 1.0
    # Only so many of the likeliest units are drawn from; None for all.
    top_k: int | None = None
    # Only the likeliest units that have so much probability together are drawn from (Holtzman et
    # al. 2020, "The curious case of neural text degeneration", section 3.1).
    top_p: float = 1.0


class Sampler:
    """Draws one unit after the other."""

    def __init__(self, options: SamplingOptions, seed: int, drawn: int = 0) -> None:
        """drawn: units that were drawn by this seed before."""
        self._options = options
        self._bits = np.random.PCG64(seed).advance(drawn)

    def draw(self, log_probabilities: Floats) -> int:
        """The next id, from (vocabulary,); one random number each, whatever the options are."""
        options = self._options
        uniform = (int(self._bits.random_raw()) >> (64 - _MANTISSA)) * 2.0**-_MANTISSA  # [0, 1)
        logs = log_probabilities.astype(np.float64)
        if options.temperature == 0:
            return int(logs.argmax())
        order = np.argsort(-logs, kind="stable")[: options.top_k]
        # Relative to the likeliest, so that a low temperature cannot overflow.
        with np.errstate(over="ignore"):
            weights = np.exp((logs[order] - logs[order[0]]) / options.temperature)
        sums = np.cumsum(weights)
        if options.top_p < 1:
            wanted = options.top_p * float(sums[-1])
            sums = sums[: int(np.searchsorted(sums, wanted)) + 1]
        place = int(np.searchsorted(sums, uniform * float(sums[-1]), side="right"))
        return int(order[min(place, len(sums) - 1)])


def drawn_seed() -> int:
    """A seed that nobody can foretell."""
    return secrets.randbelow(MAX_SEED + 1)


def next_seed(seed: int, place: int) -> int:
    """The seed of sample number `place` of a request with `seed`."""
    return (seed + place) % (MAX_SEED + 1)
