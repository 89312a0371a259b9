"""Draws the next units of texts. Knows log-probabilities and seeds; no network and no text.

Many texts draw at once, since most of what it costs are calls of NumPy. Nothing goes from row to
row: a text depends on its seed and its own log-probabilities alone. NumPy promises that the raw
numbers of a bit generator stay the same from version to version; of what it makes of them it does
not.
"""

import secrets
from collections.abc import Sequence
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
    """The random numbers of one text, and how it draws with them."""

    def __init__(self, options: SamplingOptions, seed: int, drawn: int = 0) -> None:
        """drawn: units that were drawn by this seed before."""
        self.options = options
        self._bits = np.random.PCG64(seed).advance(drawn)

    def uniform(self) -> float:
        """The next number of [0, 1), 0 if the likeliest unit is wanted.

        Each unit uses up a raw number, whatever the options are.
        """
        raw = int(self._bits.random_raw())
        return (raw >> (64 - _MANTISSA)) * 2.0**-_MANTISSA if self.options.temperature else 0.0


def draw(samplers: Sequence[Sampler], log_probabilities: Floats) -> list[int]:
    """The next id of each text, from (texts, vocabulary)."""
    texts, vocabulary = log_probabilities.shape
    options = [each.options for each in samplers]
    starts = np.arange(0, texts * vocabulary, vocabulary)  # of the rows, one behind the other
    order = (-log_probabilities).argsort(axis=1, kind="stable")
    ranked = log_probabilities.take(order + starts[:, None]).astype(np.float64)
    temperatures = np.array([each.temperature or 1.0 for each in options])
    # Relative to the likeliest, so that a low temperature cannot overflow.
    with np.errstate(over="ignore"):
        weights = np.exp((ranked - ranked[:, :1]) / temperatures[:, None])
    sums = weights.cumsum(axis=1)
    # The place of the last unit that may be drawn.
    last = np.array([min(each.top_k or vocabulary, vocabulary) - 1 for each in options])
    if any(each.top_p < 1 for each in options):
        shares = np.array([each.top_p for each in options])
        reached = (sums < (shares * sums.take(starts + last))[:, None]).sum(axis=1)
        last = np.where(shares < 1, np.minimum(reached, last), last)
    uniforms = np.array([each.uniform() for each in samplers])
    goals = uniforms * sums.take(starts + last)
    places = (sums <= goals[:, None]).sum(axis=1)
    found: list[int] = order.take(starts + np.minimum(places, last)).tolist()
    return found


def drawn_seed() -> int:
    """A seed that nobody can foretell."""
    return secrets.randbelow(MAX_SEED + 1)


def next_seed(seed: int, place: int) -> int:
    """The seed of sample number `place` of a request with `seed`."""
    return (seed + place) % (MAX_SEED + 1)
