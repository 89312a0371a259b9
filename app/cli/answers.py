"""Shows answers of a running service as tables or JSON. Knows terminals, no task.

Also the options that all commands of `unroll predict` share.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from app.errors import ConfigurationError, UnrollError
from app.remote import KEY_VARIABLE, service

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

_FIRST_COLUMN: Final = 60  # columns of a terminal
_GAP: Final = 2  # between two columns of a table

UrlOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="UNROLL_URL",
        help="Address of the service; else that of UNROLL_HOST and UNROLL_PORT.",
    ),
]
KeyOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--api-key", envvar=KEY_VARIABLE, help="If it needs one.", metavar="KEY"),
]
VersionOption: TypeAlias = Annotated[
    str | None, typer.Option("--version", help="Insist on this version of the model.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
_ANY: Final = ("0.0.0.0", "::", "")  # what a service listens at, and no address to ask


def address(url: str | None) -> str:
    """The address to ask: `url`, else where a service with these settings listens.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    if url:
        return url
    from app.settings import load_settings

    settings = load_settings()
    if not settings.port:
        raise ConfigurationError("UNROLL_PORT=0 takes a free port: say which one with --url")
    host = "127.0.0.1" if settings.host in _ANY else settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def ask(path: str, body: Mapping[str, Any], url: str | None, api_key: str | None) -> Any:
    """The answer of a running service to one request. Raises as `service` does."""
    with service(address(url), api_key=api_key) as client:
        return client.ask(path, body)


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

    with expected():
        parts = list(render(answer[field]))
        by = plain(f"answered by {answer['model']} {answer['version']}")
    console = Console()
    for part in parts:
        console.print(part)
    console.print(by, style="dim")


@contextmanager
def expected() -> Iterator[None]:
    """An answer of another shape comes from something else that listens there."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError):
        raise UnrollError("the answer is not what this version of unroll expects") from None


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "", *, cut: bool = True
) -> "RenderableType":
    """A table of texts, whose first column says what a row is of.

    Where the terminal is too narrow for the longest words, rows are written as paragraphs. With
    `cut`, the first column is a text of which the beginning will do.
    """
    head, *cells = [[plain(each) for each in row] for row in (columns, *rows)]
    if cut:
        for row in cells:
            row[0].truncate(_FIRST_COLUMN, overflow="ellipsis")
    return _Rows(head, cells, plain(caption))


@dataclass(frozen=True)
class _Rows:
    """A table, or paragraphs, as the width of the terminal allows."""

    head: list["Text"]
    cells: list[list["Text"]]
    caption: "Text"

    def __rich_console__(
        self, console: "Console", options: "ConsoleOptions"
    ) -> "Iterator[RenderableType]":
        from rich.table import Table

        everything = [self.head, *self.cells]
        longest = [max(map(_longest_word, column)) for column in zip(*everything, strict=True)]
        if sum(longest) + _GAP * len(longest) > options.max_width:
            yield from self._paragraphs()
        else:
            made = Table(box=None, padding=(0, _GAP, 0, 0))
            for title, width in zip(self.head, longest, strict=True):
                made.add_column(title, min_width=width)
            for row in self.cells:
                made.add_row(*row)
            yield made
        if self.caption:
            yield self.caption

    def _paragraphs(self) -> "Iterator[RenderableType]":
        from rich.padding import Padding
        from rich.text import Text

        for first, *others in self.cells:
            yield first
            for title, cell in zip(self.head[1:], others, strict=True):
                if cell:
                    line = Text.assemble(title, ": ", cell) if title else cell
                    yield Padding(line, (0, 0, 0, _GAP))


def _longest_word(text: "Text") -> int:
    from rich.cells import cell_len

    return max((cell_len(word) for word in text.plain.split()), default=0)


def percent(share: float) -> str:
    """A share of 0 to 1."""
    return f"{100 * share:.1f} %"


def plain(text: str) -> "Text":
    """As it is: neither markup nor escape codes of a text reach the terminal."""
    from rich.text import Text

    from unroll_client.errors import one_line

    return Text(one_line(text))
