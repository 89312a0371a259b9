"""Parts of model cards: tables and sections. Knows Markdown, no model."""

from collections.abc import Sequence
from typing import Final

CALIBRATION_ERROR: Final = """\
ECE is the expected calibration error of the likeliest label (Guo et al. 2017, eq. 3): 15 bins of
equal mass, equal probabilities in one bin (`app/training/common/scores.py`)."""


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; the first column is text, the others are numbers."""
    lines = [list(header), ["---"] + ["---:"] * (len(header) - 1), *map(list, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def with_figures(card: str, figures: str) -> str:
    """The card with `figures` as its section of figures; raises as `with_section` does."""
    return with_section(card, "Figures", figures)


def with_section(card: str, title: str, text: str) -> str:
    """The card with `text` as its section `title`, in the place of what stood there.

    Raises:
        ValueError: the card has no such section.
    """
    before, heading, after = card.partition(f"\n## {title}\n")
    if not heading:
        raise ValueError(f"the model card has no section '## {title}'")
    _, next_heading, rest = after.partition("\n## ")
    return f"{before}{heading}\n{text}\n{next_heading}{rest}"
