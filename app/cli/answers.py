"""Shows answers of a running service as tables or JSON. Knows terminals, no task.

Also the options that all commands of `unroll predict` share.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from app.errors import UnrollError
from app.http.client import KEY_VARIABLE, one_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

_FIRST_COLUMN: Final = 60

UrlOption: TypeAlias = Annotated[str, typer.Option("--url", help="Address of the service.")]
KeyOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--api-key", envvar=KEY_VARIABLE, help="If it needs one.", metavar="KEY"),
]
VersionOption: TypeAlias = Annotated[
    str | None, typer.Option("--version", help="Insist on this version of the model.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
URL: Final = "http://127.0.0.1:8000"


def show(
    answer: Mapping[str, Any],
    as_json: bool,
    render: Callable[[list[Any]], "Iterator[RenderableType]"],
    field: str = "predictions",
) -> None:
    """Print an answer: as it is, or its list `field` as what `render` makes of it.

    Raises:
        UnrollError: it has another shape.
    """
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    from rich.console import Console

    with _expected():
        parts = list(render(answer[field]))
        name = one_line(f"{answer['model']} {answer['version']}")
    console = Console()
    for part in parts:
        console.print(part)
    console.print(f"answered by {name}", style="dim", markup=False, highlight=False)


@contextmanager
def _expected() -> Iterator[None]:
    """An answer of another shape comes from something else that listens there."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError):
        raise UnrollError("the answer is not what this version of unroll expects") from None


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    """A table of texts. Where the terminal is too narrow, the first column takes more lines."""
    from rich.table import Table

    cells = [[plain(each) for each in row] for row in (columns, *rows)]
    for row in cells:
        row[0].truncate(_FIRST_COLUMN, overflow="ellipsis")
    made = Table(box=None, padding=(0, 2, 0, 0), caption_justify="left")
    for index, head in enumerate(cells[0]):
        width = max(row[index].cell_len for row in cells) if index else None
        made.add_column(head, no_wrap=index > 0, overflow="fold", min_width=width)
    for row in cells[1:]:
        made.add_row(*row)
    return made


def percent(share: float) -> str:
    """A share of 0 to 1."""
    return f"{100 * share:.1f} %"


def plain(text: str) -> "Text":
    """As it is: neither markup nor escape codes of a text reach the terminal."""
    from rich.text import Text

    return Text(one_line(text))
