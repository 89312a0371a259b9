"""What the tasks of the asynchronous client share. Knows lists of inputs; no task."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sized
from typing import Any, Concatenate, ParamSpec, TypeVar

from unroll_client import values
from unroll_client.errors import NotUnroll, UnrollError
from unroll_client.many import Items, Size, Work, answers, each_of
from unroll_client.options import Deadline
from unroll_client.progress import Bar
from unroll_client.transport import Transport

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")
Progress = bool | Callable[[int, "int | None"], None]


class Tasks:
    """Holds the connections to the service."""

    transport: Transport


def ask_many(
    transport: Transport,
    path: str,
    inputs: Any,
    *,
    prepare: Callable[[int, Any], Any],
    weigh: Callable[[Any], int],
    body: Callable[[list[Any]], Mapping[str, Any]],
    answer: str,
    fields: tuple[str, ...],
    size: Size,
    progress: Progress,
    deadline: float | None,
) -> Items[Any]:
    """Answers to POST `path`, whose lists are under `answer`; `body` makes a request."""
    end = Deadline.after(deadline)

    async def ask(sent: list[Any]) -> list[Any]:
        return listed(await transport.ask("POST", path, body(sent), deadline=end), answer)

    async def lists() -> AsyncIterator[list[Any]]:
        bar = Bar(progress, len(inputs) if isinstance(inputs, Sized) else None)
        connections = transport.options.connections
        work = Work(prepare, weigh, ask, fields, size, connections, bar.add)
        try:
            async for each in answers(inputs, work):
                yield each
        finally:
            bar.end()

    return Items(lists())


def ask_together(
    transport: Transport,
    path: str,
    inputs: Any,
    *,
    prepare: Callable[[int, Any], Any],
    body: Callable[[list[Any]], Mapping[str, Any]],
    answer: str,
    deadline: float | None,
) -> Items[Any]:
    """The same for inputs that depend on each other: one request, and the first error is raised."""
    end = Deadline.after(deadline)

    async def lists() -> AsyncIterator[list[Any]]:
        sent: list[Any] = []
        async for value in each_of(inputs):
            sent.append(prepare(len(sent), value))
        yield listed(await transport.ask("POST", path, body(sent), deadline=end), answer)

    return Items(lists())


def ask_texts(
    transport: Transport,
    path: str,
    text: Any,
    options: Mapping[str, Any],
    *,
    answer: str,
    size: Size,
    progress: Progress,
    deadline: float | None,
) -> Items[Any]:
    """The same for one text or several."""
    return ask_many(
        transport,
        path,
        [text] if values.is_one_text(text) else text,
        prepare=values.text,
        weigh=len,
        body=lambda sent: {"text": sent, **options},
        answer=answer,
        fields=("text",),
        size=size,
        progress=progress,
        deadline=deadline,
    )


def listed(answer: Mapping[str, Any], field: str) -> list[Any]:
    """The entries of an answer's list, each with the model and version that gave it.

    Raises:
        NotUnroll: the answer has another shape.
    """
    found = answer.get(field)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise NotUnroll(f"the answer has no list {field!r}; does another service listen there?")
    by = {name: answer.get(name) for name in ("model", "version")}
    return [{**each, **by} for each in found]


def collected(
    method: Callable[Concatenate[S, P], Items[T | UnrollError]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, list[T]]]:
    """The method that gives all at once, and raises the first error."""

    @functools.wraps(method)
    async def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> list[T]:
        found: list[T] = []
        items = method(self, *args, **kwargs)
        try:
            async for each in items:
                if isinstance(each, UnrollError):
                    raise each
                found.append(each)
        finally:
            await items.aclose()
        return found

    name = method.__name__.removeprefix("iter_")
    call.__name__, call.__qualname__ = name, name
    call.__doc__ = f"{method.__doc__}\n\nAll answers as a list; the first error is raised."
    return call
