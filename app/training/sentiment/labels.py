"""The labels of sentiment, in the order of the network's classes."""

from typing import Final, Literal

Label = Literal["negative", "neutral", "positive"]
LABELS: Final[tuple[Label, ...]] = ("negative", "neutral", "positive")
