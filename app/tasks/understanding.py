"""What a text model does with texts that it hardly understands; knows no network and no label.

`understood` is the share of a text that is in the language that the model has learned. Below a
threshold the model abstains, and its probabilities are drawn to what is so of all texts.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from app.errors import ModelRefused
from app.features.familiarity import FAMILIARITY_FILE, Familiarity
from app.serving.models.manifest import Manifest

Array = NDArray[np.float64]
_LEAST: Final = 1e-6  # the least that a base rate may be


class UnderstandingOptions(BaseModel):
    """The `understanding` in the features of a text model's manifest.

    threshold: of a text of which less is understood the model abstains. base_rates: the share of
    each answer among all texts, in the order of the logits; empty for the same share of each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float = Field(gt=0.0, le=1.0)
    base_rates: tuple[float, ...] = ()


@dataclass(frozen=True)
class Understanding:
    """The table of characters of one model, and what follows from what it says.

    `base` (classes,) are logits of the base rates.
    """

    familiarity: Familiarity
    threshold: float
    base: Array

    @classmethod
    def load(
        cls, folder: Path, manifest: Manifest, options: UnderstandingOptions | None, classes: int
    ) -> Self | None:
        """That of a version, None where its manifest has no options for it.

        Raises:
            ModelRefused: the table is missing or damaged, or base rates are wrong.
        """
        if options is None:
            return None
        if FAMILIARITY_FILE not in manifest.files:
            raise ModelRefused(f"the manifest does not list {FAMILIARITY_FILE}")
        rates = np.array(options.base_rates or np.full(classes, 1.0 / classes))
        if rates.shape != (classes,) or rates.min() < _LEAST or abs(rates.sum() - 1.0) > 1e-3:
            raise ModelRefused(f"base_rates must be {classes} positive shares that sum up to 1")
        familiarity = Familiarity.load(folder / FAMILIARITY_FILE)
        return cls(familiarity, options.threshold, np.log(rates))

    def understood(self, text: str) -> float:
        """The share of the text that is understood, 0 to 1."""
        return self.familiarity.understood(text)

    def abstains(self, understood: float) -> bool:
        """Whether too little is understood for an answer to be relied on."""
        return understood < self.threshold

    def weight(self, understood: float) -> float:
        """How much the network counts beside the base rates: 1 from the threshold on, then less in
        proportion, 0 where nothing is understood."""
        return min(1.0, understood / self.threshold)

    def widened(self, logits: Array, understood: float) -> Array:
        """logits (..., classes) drawn to those of the base rates as far as is not understood.

        It is linear in the logits, so that what adds up to them still does.
        """
        weight = self.weight(understood)
        wide: Array = weight * logits + (1.0 - weight) * self.base
        return wide
