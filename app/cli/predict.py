"""The command `predict`: asks a running service, prints its answer. Knows arguments and tables.

Loads no model: whatever can be asked over HTTP can be asked so.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from app.cli.common import errors_in_one_line
from app.errors import ConfigurationError, UnrollError
from app.http.client import KEY_VARIABLE, ask, one_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

_SHOWN_TOKENS: Final = 20  # the strongest ones
_SHOWN_AUTHORS: Final = 3
_BAR: Final = 20  # columns
_FIRST_COLUMN: Final = 60
_STANDARD_INPUT: Final = "-"

predict = typer.Typer(help="Ask a running service.", no_args_is_help=True)

UrlOption: TypeAlias = Annotated[str, typer.Option("--url", help="Address of the service.")]
KeyOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--api-key", envvar=KEY_VARIABLE, help="If it needs one.", metavar="KEY"),
]
VersionOption: TypeAlias = Annotated[
    str | None, typer.Option("--version", help="Insist on this version of the model.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
_URL: Final = "http://127.0.0.1:8000"


@predict.command("sentiment")
def predict_sentiment(
    texts: Annotated[
        list[str], typer.Argument(help="Texts; - reads one from standard input.", metavar="TEXT")
    ],
    url: UrlOption = _URL,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what each token speaks for.")
    ] = False,
    model: Annotated[str, typer.Option(help="Name of the model.")] = "sentiment",
    version: VersionOption = None,
    api_key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell whether texts are negative, neutral or positive.

    Put -- before a text that begins with a dash.
    """
    with errors_in_one_line():
        known = [_content(text) if text == _STANDARD_INPUT else text for text in texts]
        body = _body(known, model, version) | {"explain": explain}
        answer = ask(url, "/sentiment", body, api_key=api_key)
        _show(answer, as_json, lambda found: _sentiments(known, found))


@predict.command("authorship")
def predict_authorship(
    files: Annotated[
        list[str],
        typer.Argument(help="Files of UTF-8 text; - reads standard input.", metavar="FILE"),
    ],
    url: UrlOption = _URL,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Show what each part of a text says.")
    ] = False,
    model: Annotated[str, typer.Option(help="Name of the model.")] = "authorship",
    version: VersionOption = None,
    api_key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which of a model's authors wrote the text of a file."""
    with errors_in_one_line():
        body = _body([_content(file) for file in files], model, version) | {"evidence": evidence}
        answer = ask(url, "/authorship", body, api_key=api_key)
        _show(answer, as_json, lambda found: _authors(files, found))


@predict.command("caption")
def predict_caption(
    files: Annotated[
        list[str],
        typer.Argument(help="JPEG, PNG or WebP files; - reads standard input.", metavar="FILE"),
    ],
    url: UrlOption = _URL,
    beam_width: Annotated[
        int | None, typer.Option(help="Captions followed at once; 1 is greedy.", min=1)
    ] = None,
    num_captions: Annotated[int, typer.Option(help="Captions of each image.", min=1)] = 1,
    attention: Annotated[
        bool, typer.Option("--attention", help="Show where the network looked at each word.")
    ] = False,
    model: Annotated[str, typer.Option(help="Name of the model.")] = "caption",
    version: VersionOption = None,
    api_key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say in a sentence what images show."""
    with errors_in_one_line():
        images = [base64.b64encode(_bytes(file)).decode("ascii") for file in files]
        body = {
            "image": images if len(images) > 1 else images[0],
            **{"beam_width": beam_width, "num_captions": num_captions, "attention": attention},
            **{"model": model, "version": version},
        }
        answer = ask(url, "/caption", body, api_key=api_key)
        _show(answer, as_json, lambda found: _captions(files, found), "captions")


def _body(texts: list[str], model: str, version: str | None) -> dict[str, Any]:
    for text in texts:
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise ConfigurationError("the text is not UTF-8")
    # A single text is sent without a list, so that an error names `text` and not `text[0]`.
    return {"text": texts if len(texts) > 1 else texts[0], "model": model, "version": version}


def _content(file: str) -> str:
    try:
        return _bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError:
        name = "standard input" if file == _STANDARD_INPUT else file
        raise ConfigurationError(f"{name} is not UTF-8 text") from None


def _bytes(file: str) -> bytes:
    if file == _STANDARD_INPUT:
        return typer.get_binary_stream("stdin").read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None


def _show(
    answer: Mapping[str, Any],
    as_json: bool,
    render: Callable[[list[Any]], "Iterator[RenderableType]"],
    field: str = "predictions",
) -> None:
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


def _sentiments(texts: Sequence[str], predictions: Sequence[Any]) -> "Iterator[RenderableType]":
    labels = list(predictions[0]["probabilities"])
    rows = []
    for text, each in zip(texts, predictions, strict=True):
        shares = [_percent(each["probabilities"][label]) for label in labels]
        tokens = f"{each['tokens']}{' (cut)' if each['truncated'] else ''}"
        rows.append([text, each["label"], *shares, tokens, str(each["unknown_tokens"])])
    yield _table(["text", "label", *labels, "tokens", "unknown"], rows)
    for each in predictions:
        if "explanation" in each:
            yield _explanation(each["explanation"])


def _explanation(explanation: Mapping[str, Any]) -> "Table":
    """The strongest tokens, in the order of the text."""
    tokens = explanation["tokens"]
    parts = [each["contribution"] for each in tokens]
    largest = max(map(abs, parts)) or 1.0
    strongest = sorted(range(len(parts)), key=lambda index: -abs(parts[index]))[:_SHOWN_TOKENS]
    rows = [
        [tokens[i]["token"], f"{parts[i]:+.3f}", "#" * round(_BAR * abs(parts[i]) / largest)]
        for i in sorted(strongest)
    ]
    table = _table(["token", f"for {explanation['label']}", ""], rows)
    table.caption = _plain(
        f"{explanation['method']}: {len(rows)} of {len(tokens)} tokens, "
        f"{explanation['bias']:+.3f} without any"
    )
    return table


def _authors(files: Sequence[str], predictions: Sequence[Any]) -> "Iterator[RenderableType]":
    rows = []
    for file, each in zip(files, predictions, strict=True):
        _, *others = _ranked(each["probabilities"])
        note = "too thin to rely on" if each["abstained"] else ""
        chunks = f"{each['chunks']}{' (cut)' if each['truncated'] else ''}"
        score = _percent(each["score"])
        rows.append([file, each["author"], score, ", ".join(others), chunks, note])
    yield _table(["file", "author", "sure", "others", "chunks", ""], rows)
    for each in predictions:
        if "evidence" in each:
            yield _table(
                ["characters", "likeliest authors"],
                [
                    [f"{part['start']} to {part['end']}", ", ".join(_ranked(part["probabilities"]))]
                    for part in each["evidence"]
                ],
            )


def _captions(files: Sequence[str], captions: Sequence[Any]) -> "Iterator[RenderableType]":
    yield _table(
        ["file", "caption", "sure", "score"],
        [
            [file, each["text"], _percent(each["probability"]), f"{each['score']:.3f}"]
            for file, caption in zip(files, captions, strict=True)
            for each in caption["candidates"]
        ],
    )
    for caption in captions:
        if "attention" in caption:
            yield _looks(caption["attention"])


def _looks(attention: Mapping[str, Any]) -> "Table":
    """Per word the cell of the grid that the network looked at most, from the top left."""
    rows, columns = attention["grid"]
    found = []
    for each in attention["words"]:
        share = max(each["weights"])
        row, column = divmod(each["weights"].index(share), columns)
        found.append([each["word"], f"{row + 1}, {column + 1}", _percent(share)])
    return _table(["word", f"row, column of {rows} x {columns}", "weight"], found)


def _ranked(probabilities: Mapping[str, float]) -> list[str]:
    ranked = sorted(probabilities.items(), key=lambda item: -item[1])
    return [f"{name} {_percent(share)}" for name, share in ranked[:_SHOWN_AUTHORS]]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    """Where the terminal is too narrow, the first column takes more lines."""
    from rich.table import Table

    cells = [[_plain(each) for each in row] for row in (columns, *rows)]
    for row in cells:
        row[0].truncate(_FIRST_COLUMN, overflow="ellipsis")
    table = Table(box=None, padding=(0, 2, 0, 0), caption_justify="left")
    for index, head in enumerate(cells[0]):
        width = max(row[index].cell_len for row in cells) if index else None
        table.add_column(head, no_wrap=index > 0, overflow="fold", min_width=width)
    for row in cells[1:]:
        table.add_row(*row)
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _plain(text: str) -> "Text":
    """As it is: neither markup nor escape codes of a text reach the terminal."""
    from rich.text import Text

    return Text(one_line(text))
