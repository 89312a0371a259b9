"""Whether a new version is better than the served one. Knows one number of each, no task."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """What the report of a version says in one number."""

    measure: str  # such as "OWA"
    value: float
    higher_is_better: bool = False

    def beats(self, other: "Score") -> bool:
        """Whether it is strictly better; what is not defined is never better."""
        if not math.isfinite(self.value):
            return False
        if not math.isfinite(other.value):
            return True
        if self.higher_is_better:
            return self.value > other.value
        return self.value < other.value
