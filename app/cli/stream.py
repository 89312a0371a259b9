"""The command `predict stream`: feeds standard input to a stream. Knows lines and positions.

Every line is one step. With each request goes the position at which the stream should be, so that a
request whose answer got lost can be sent again: its steps are not taken twice.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.cli.answers import JsonOption, KeyOption, UrlOption, VersionOption, address, expected
from app.cli.common import errors_in_one_line
from app.errors import ConfigurationError
from app.remote import service

if TYPE_CHECKING:
    from unroll_client import Stream

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


def predict_stream(
    name: Annotated[str, typer.Argument(help="Name of the stream.", metavar="NAME")],
    url: UrlOption = None,
    model: Annotated[
        str | None, typer.Option(help="Open the stream with it, if it is not there.")
    ] = None,
    version: VersionOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Skip as many lines as the stream has taken.")
    ] = False,
    chunk: Annotated[int, typer.Option(help="Lines sent at once.", min=1)] = 1,
    wait: Annotated[
        float, typer.Option(help="Seconds to go on trying where no answer comes.", min=0)
    ] = 60.0,
    api_key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Feed standard input to a stream, and print its answers as they come.

    A line is one step: a number, several separated by commas, or JSON. The service
    keeps the state; a request whose answer got lost is sent again and not taken twice.
    """
    with errors_in_one_line():
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"NAME: {name[:60]!r} is none; 1 to 128 letters, digits, '.', '_' or '-'"
            )
        with service(
            address(url), api_key=api_key, retry_seconds=wait, wait_for_start=True
        ) as client:
            stream = client.stream(name, model, version=version)
            _open(stream)
            stdin = typer.get_binary_stream("stdin")
            lines = ((number, line) for number, line in enumerate(stdin, 1) if line.strip())
            for steps in _chunks(islice(lines, stream.position if resume else 0, None), chunk):
                answer = stream.step(*steps)
                with expected():
                    for each in [answer] if as_json else filter(None, answer["steps"]):
                        typer.echo(json.dumps(each) if as_json else _shown(each))
            position = stream.position
        print(f"{name} is at position {position}", file=sys.stderr)


def _open(stream: "Stream") -> None:
    """Raises ConfigurationError: it is not there, and no model is given to open it with."""
    from unroll_client import NotFound

    try:
        stream.open()
    except NotFound as error:
        if error.kind.startswith("model"):
            raise
        raise ConfigurationError(f"{error.message}; --model MODEL opens it") from None


def _chunks(lines: Iterator[tuple[int, bytes]], size: int) -> Iterator[list[Any]]:
    """The steps of `size` lines each."""
    steps = (_step(number, line) for number, line in lines)
    while chunk := list(islice(steps, size)):
        yield chunk


def _step(number: int, line: bytes) -> Any:
    """What a line says: a number, a list of numbers, or JSON."""
    text = line.decode("utf-8-sig", "replace").strip()
    for form in (text, f"[{text}]"):
        try:
            step = json.loads(form)
        except ValueError:
            continue
        if "{" not in text:
            return step
    raise ConfigurationError(
        f"line {number}: expected a number, numbers separated by commas, or a JSON list, "
        f"got {text[:60]!r}"
    )


def _shown(step: Mapping[str, Any]) -> str:
    """The only output, or all of them by name; a list of one number as that number."""
    plain = {
        name: value[0] if isinstance(value, list) and len(value) == 1 else value
        for name, value in step.items()
    }
    return json.dumps(next(iter(plain.values())) if len(plain) == 1 else plain)
