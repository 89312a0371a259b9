"""The command `predict stream`: feeds standard input to a stream. Knows lines and positions.

Every line is one step. With each request goes the position at which the stream should be, so that a
request whose answer got lost can be sent again: its steps are not taken twice.
"""

import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Final

import typer

from app.cli.answers import JsonOption, KeyOption, UrlOption, VersionOption, address
from app.cli.common import errors_in_one_line
from app.errors import ConfigurationError, UnrollError
from app.http.client import Refusal, Unanswered, ask

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_PAUSE: Final = 0.2  # seconds before the first attempt after a lost answer; then twice as long
_LONGEST_PAUSE: Final = 5.0
_UNKNOWN, _AWAY = 404, (500, 502, 503, 504)
_BUSY_ATTEMPTS: Final = 100  # after a 429, each after the time that it names


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
        service = _Service(address(url), name, api_key, wait)
        position = service.position(model, version)
        stdin = typer.get_binary_stream("stdin")
        lines = ((number, line) for number, line in enumerate(stdin, 1) if line.strip())
        for steps in _chunks(islice(lines, position if resume else 0, None), chunk):
            answer = service.take(position, steps)
            position = answer["position"]
            for each in [answer] if as_json else filter(None, answer["steps"]):
                typer.echo(json.dumps(each) if as_json else _shown(each))
        print(f"{name} is at position {position}", file=sys.stderr)


@dataclass(frozen=True)
class _Service:
    """A stream of a service; `wait` is how many seconds it may be away."""

    url: str
    name: str
    api_key: str | None
    wait: float

    def position(self, model: str | None, version: str | None) -> int:
        """How many steps the stream has taken; it is opened with `model` if it is not there."""
        if model is not None:
            body = {"model": model} | ({} if version is None else {"version": version})
            return _number(self._ask("", body, "PUT"))
        try:
            return _number(self._ask("", None, "GET"))
        except Refusal as error:
            if error.status == _UNKNOWN:
                raise ConfigurationError(f"{error.message}; --model MODEL opens it") from None
            raise

    def take(self, position: int, values: list[Any]) -> Mapping[str, Any]:
        """The answer to these steps, which are taken once however often they are sent."""
        answer = self._ask("/steps", {"position": position, "values": values}, "POST")
        if _number(answer) != position + len(values) or not isinstance(answer.get("steps"), list):
            raise UnrollError("the answer is not what this version of unroll expects")
        return answer

    def _ask(self, path: str, body: Mapping[str, Any] | None, method: str) -> dict[str, Any]:
        end, pause = time.monotonic() + self.wait, _PAUSE
        while True:
            try:
                return ask(
                    self.url,
                    f"/streams/{self.name}{path}",
                    body,
                    api_key=self.api_key,
                    attempts=_BUSY_ATTEMPTS,
                    method=method,
                )
            except (Unanswered, Refusal) as error:
                away = isinstance(error, Unanswered) or error.status in _AWAY
                if not away or time.monotonic() + pause > end:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


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


def _number(answer: Mapping[str, Any]) -> int:
    position = answer.get("position")
    if not isinstance(position, int):
        raise UnrollError("the answer is not what this version of unroll expects")
    return position
