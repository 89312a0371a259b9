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
_AHEAD: Final = 64  # raw numbers that are made at a time


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
        self._ahead: list[float] = []  # the last is next

    def uniform(self) -> float:
        """The next number of [0, 1). Each is the upper bits of one raw number."""
        if not self._ahead:
            raw = self._bits.random_raw(_AHEAD)[::-1]
            self._ahead = ((raw >> np.uint64(64 - _MANTISSA)) * 2.0**-_MANTISSA).tolist()
        return self._ahead.pop()


def draw(samplers: Sequence[Sampler], log_probabilities: Floats) -> tuple[list[int], list[float]]:
    """The next id of each text and its log-probability, from (texts, vocabulary)."""
    texts, vocabulary = log_probabilities.shape
    options = [each.options for each in samplers]
    starts = np.arange(0, texts * vocabulary, vocabulary)  # of the rows, one behind the other
    order = (-log_probabilities).argsort(axis=1, kind="stable") + starts[:, None]
    ranked = log_probabilities.take(order).astype(np.float64)
    weights = ranked - ranked[:, :1]  # so that a low temperature cannot overflow
    # What no text asks for is left out: it would change no bit of any.
    temperatures = [each.temperature for each in options]
    if temperatures.count(1.0) < texts:
        with np.errstate(over="ignore"):
            weights /= np.array([each or 1.0 for each in temperatures])[:, None]
    sums = np.exp(weights).cumsum(axis=1)
    # The place of the last unit that may be drawn.
    last = np.array([min(each.top_k or vocabulary, vocabulary) - 1 for each in options])
    shares = [each.top_p for each in options]
    if shares.count(1.0) < texts:
        parts = np.array(shares)
        reached = (sums < (parts * sums.take(starts + last))[:, None]).sum(axis=1)
        last = np.where(parts < 1, np.minimum(reached, last), last)
    uniforms = [each.uniform() if each.options.temperature else 0.0 for each in samplers]
    goals = uniforms * sums.take(starts + last)
    places = starts + np.minimum((sums <= goals[:, None]).sum(axis=1), last)
    units: list[int] = (order.take(places) - starts).tolist()
    scores: list[float] = ranked.take(places).tolist()
    return units, scores


def drawn_seed() -> int:
    """A seed that nobody can foretell."""
    return secrets.randbelow(MAX_SEED + 1)


def next_seed(seed: int, place: int) -> int:
    """The seed of sample number `place` of a request with `seed`."""
    return (seed + place) % (MAX_SEED + 1)
