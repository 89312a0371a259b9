"""The command `predict`: asks a running service, prints its answer. Knows arguments and tables.

Loads no model: whatever can be asked over HTTP can be asked so.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.cli.answers import (
    JsonOption,
    KeyOption,
    UrlOption,
    VersionOption,
    ask,
    percent,
    plain,
    show,
    table,
)
from app.cli.common import errors_in_one_line
from app.errors import ConfigurationError
from app.features.decoding import decoded

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN_TOKENS: Final = 20  # the strongest ones
_SHOWN_AUTHORS: Final = 3
_BAR: Final = 20  # columns
_STANDARD_INPUT: Final = "-"

predict = typer.Typer(help="Ask a running service.", no_args_is_help=True)


@predict.command("sentiment")
def predict_sentiment(
    texts: Annotated[
        list[str], typer.Argument(help="Texts; - reads one from standard input.", metavar="TEXT")
    ],
    url: UrlOption = None,
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
        known = _texts(texts)
        body = _body(known, model, version) | {"explain": explain}
        answer = ask("/sentiment", body, url, api_key)
        show(answer, as_json, lambda found: _sentiments(known, found))


@predict.command("classify")
def predict_classify(
    texts: Annotated[
        list[str], typer.Argument(help="Texts; - reads one from standard input.", metavar="TEXT")
    ],
    url: UrlOption = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what each token speaks for.")
    ] = False,
    model: Annotated[str, typer.Option(help="Name of the model.")] = "classifier",
    version: VersionOption = None,
    api_key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell which of a model's labels texts have.

    Put -- before a text that begins with a dash.
    """
    with errors_in_one_line():
        known = _texts(texts)
        body = _body(known, model, version) | {"explain": explain}
        answer = ask("/classify", body, url, api_key)
        show(answer, as_json, lambda found: _classifications(known, found))


@predict.command("authorship")
def predict_authorship(
    files: Annotated[
        list[str],
        typer.Argument(help="Files of UTF-8 text; - reads standard input.", metavar="FILE"),
    ],
    url: UrlOption = None,
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
        answer = ask("/authorship", body, url, api_key)
        show(answer, as_json, lambda found: _authors(files, found))


@predict.command("caption")
def predict_caption(
    files: Annotated[
        list[str],
        typer.Argument(help="JPEG, PNG or WebP files; - reads standard input.", metavar="FILE"),
    ],
    url: UrlOption = None,
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
        answer = ask("/caption", body, url, api_key)
        show(answer, as_json, lambda found: _captions(files, found), "captions")


def _body(texts: list[str], model: str, version: str | None) -> dict[str, Any]:
    for text in texts:
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise ConfigurationError("the text is not UTF-8")
    # A single text is sent without a list, so that an error names `text` and not `text[0]`.
    return {"text": texts if len(texts) > 1 else texts[0], "model": model, "version": version}


def _texts(texts: Sequence[str]) -> list[str]:
    return [_content(text) if text == _STANDARD_INPUT else text for text in texts]


def _content(file: str) -> str:
    name = "standard input" if file == _STANDARD_INPUT else file
    try:
        return decoded(_bytes(file), name, hint="")
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def _bytes(file: str) -> bytes:
    if file == _STANDARD_INPUT:
        return typer.get_binary_stream("stdin").read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None


def _sentiments(texts: Sequence[str], predictions: Sequence[Any]) -> "Iterator[RenderableType]":
    labels = list(predictions[0]["probabilities"])
    rows = []
    for text, each in zip(texts, predictions, strict=True):
        shares = [percent(each["probabilities"][label]) for label in labels]
        tokens = f"{each['tokens']}{' (cut)' if each['truncated'] else ''}"
        label = f"{each['label']} (not understood)" if each.get("abstained") else each["label"]
        rows.append([text, label, *shares, tokens, str(each["unknown_tokens"])])
    yield table(["text", "label", *labels, "tokens", "unknown"], rows)
    yield from _explanations(predictions)


def _classifications(
    texts: Sequence[str], predictions: Sequence[Any]
) -> "Iterator[RenderableType]":
    rows = []
    for text, each in zip(texts, predictions, strict=True):
        label = ", ".join(each["labels"]) or "none" if "labels" in each else each["label"]
        likeliest = ", ".join(_ranked(each["probabilities"]))
        tokens = f"{each['tokens']}{' (cut)' if each['truncated'] else ''}"
        rows.append([text, label, likeliest, tokens, str(each["unknown_tokens"])])
    yield table(["text", "label", "likeliest", "tokens", "unknown"], rows)
    yield from _explanations(predictions)


def _explanations(predictions: Sequence[Any]) -> "Iterator[RenderableType]":
    for each in predictions:
        if "explanation" in each:
            yield _explanation(each["explanation"])


def _explanation(explanation: Mapping[str, Any]) -> "RenderableType":
    """The strongest tokens, in the order of the text."""
    tokens = explanation["tokens"]
    parts = [each["contribution"] for each in tokens]
    largest = max(map(abs, parts)) or 1.0
    strongest = sorted(range(len(parts)), key=lambda index: -abs(parts[index]))[:_SHOWN_TOKENS]
    rows = [
        [tokens[i]["token"], f"{parts[i]:+.3f}", "#" * round(_BAR * abs(parts[i]) / largest)]
        for i in sorted(strongest)
    ]
    caption = (
        f"{explanation['method']}: {len(rows)} of {len(tokens)} tokens, "
        f"{explanation['bias']:+.3f} without any"
    )
    return table(["token", f"for {explanation['label']}", ""], rows, caption)


def _authors(files: Sequence[str], predictions: Sequence[Any]) -> "Iterator[RenderableType]":
    rows = []
    for file, each in zip(files, predictions, strict=True):
        _, *others = _ranked(each["probabilities"])
        note = "too thin to rely on" if each["abstained"] else ""
        chunks = f"{each['chunks']}{' (cut)' if each['truncated'] else ''}"
        score = percent(each["score"])
        rows.append([file, each["author"], score, ", ".join(others), chunks, note])
    yield table(["file", "author", "sure", "others", "chunks", ""], rows, cut=False)
    for file, each in zip(files, predictions, strict=True):
        if "evidence" in each:
            if len(files) > 1:
                yield plain(f"{file}:")
            yield table(
                ["characters", "likeliest authors"],
                [
                    [f"{part['start']} to {part['end']}", ", ".join(_ranked(part["probabilities"]))]
                    for part in each["evidence"]
                ],
            )


def _captions(files: Sequence[str], captions: Sequence[Any]) -> "Iterator[RenderableType]":
    rows = []
    for file, caption in zip(files, captions, strict=True):
        note = "no photograph it knows" if caption.get("abstained") else ""
        for each in caption["candidates"]:
            shown = percent(each["probability"]), f"{each['score']:.3f}"
            rows.append([file, each["text"], *shown, note])
    yield table(["file", "caption", "sure", "score", ""], rows, cut=False)
    for file, caption in zip(files, captions, strict=True):
        if "attention" in caption:
            if len(files) > 1:
                yield plain(f"{file}:")
            yield _looks(caption["attention"])


def _looks(attention: Mapping[str, Any]) -> "RenderableType":
    """Per word the cell of the grid that the network looked at most, from the top left."""
    rows, columns = attention["grid"]
    found = []
    for each in attention["words"]:
        share = max(each["weights"])
        row, column = divmod(each["weights"].index(share), columns)
        found.append([each["word"], f"{row + 1}, {column + 1}", percent(share)])
    return table(["word", f"row, column of {rows} x {columns}", "weight"], found)


def _ranked(probabilities: Mapping[str, float]) -> list[str]:
    ranked = sorted(probabilities.items(), key=lambda item: -item[1])
    return [f"{name} {percent(share)}" for name, share in ranked[:_SHOWN_AUTHORS]]
