"""What an experiment has found: text, tables, a picture. Knows how they are written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.training.common.cards import markdown_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[["Figure"], None]
"""Draws into an empty figure."""
Report = Callable[[str], None]
"""Is told in a few words what is done now."""


@dataclass(frozen=True)
class Rows:
    """A table: a title, the heads of the columns, the cells as text. The first column is text."""

    title: str
    columns: Sequence[str]
    cells: Sequence[Sequence[str]]

    def markdown(self) -> str:
        return f"{self.title}\n\n{markdown_table(self.columns, self.cells)}\n"


@dataclass(frozen=True)
class Finding:
    """One experiment's result. text: what one sees, in a paragraph or two."""

    title: str
    text: str
    tables: Sequence[Rows]
    draw: Draw
    size: tuple[float, float] = (8.0, 4.0)  # of the picture, in inches

    def markdown(self) -> str:
        """The page of this experiment; it shows picture.png beside it."""
        parts = [f"# {self.title}\n", *(table.markdown() for table in self.tables)]
        return "\n".join([*parts, "![What was measured](picture.png)\n", self.text.strip() + "\n"])


def write(finding: Finding, folder: Path) -> Path:
    """Write README.md and picture.png into `folder`; returns the page."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=finding.size, layout="constrained")
    FigureCanvasAgg(figure)
    finding.draw(figure)
    figure.savefig(folder / "picture.png", dpi=110)
    _fewer_colours(folder / "picture.png")
    page = folder / "README.md"
    page.write_text(finding.markdown(), encoding="utf-8")
    return page


def _fewer_colours(picture: Path) -> None:
    """A third of the bytes: 64 colours are enough for lines and letters."""
    from PIL import Image

    with Image.open(picture) as drawn:
        small = drawn.convert("RGB").quantize(64)
    small.save(picture, optimize=True)
