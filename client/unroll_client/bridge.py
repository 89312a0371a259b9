"""Runs the asynchronous client for callers that are not: an event loop in a thread. Knows no HTTP.

What callers give as iterators is read in the thread of the caller, never in the loop's.
"""

from __future__ import annotations

import asyncio
import functools
import queue
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar

from unroll_client.errors import WrongArgument
from unroll_client.many import Items

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)
_READ: Final = 16  # values read from an iterator of the caller at once


class Portal:
    """One event loop in a thread of its own, from the first call until it is closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin it in the loop. Raises WrongArgument: the client is closed."""
        with self._lock:
            if self._closed:
                work.close()
                raise WrongArgument("the client is closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_run, args=(self._loop,), name="unroll-client", daemon=True
                )
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    @property
    def is_running(self) -> bool:
        return self._loop is not None

    def close(self) -> None:
        """End the loop; what is on its way is given up."""
        with self._lock:
            loop, thread, self._loop, self._closed = self._loop, self._thread, None, True
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def wait(self, work: Coroutine[Any, Any, T], read: Reading) -> T:
        """The result of `work`, while the values that it asks for are read here."""
        future = self.submit(work)
        future.add_done_callback(lambda _: read.stop())
        try:
            read.serve()
            return future.result()
        except BaseException:
            future.cancel()
            raise


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Until it is stopped, by a thread that may have a loop of its own, as that of a notebook."""
    loop.run_forever()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


class Reading:
    """Values of the caller's iterators, read in the caller's thread when the loop asks for them."""

    def __init__(self) -> None:
        self._wanted: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def serve(self) -> None:
        """Read what is asked for until `stop`."""
        while (read := self._wanted.get()) is not None:
            read()

    def stop(self) -> None:
        self._wanted.put(None)

    def of(self, value: Any) -> Any:
        """`value`, and in the place of an iterator one that is read so."""
        return self._read(value) if isinstance(value, Iterator) else value

    async def _read(self, values: Iterator[T]) -> Any:
        loop = asyncio.get_running_loop()
        while True:
            asked: asyncio.Future[list[T]] = loop.create_future()
            self._wanted.put(functools.partial(_fetch, values, loop, asked))
            found = await asked
            for each in found:
                yield each
            if len(found) < _READ:
                return


def _fetch(
    values: Iterator[T], loop: asyncio.AbstractEventLoop, asked: asyncio.Future[list[T]]
) -> None:
    found: list[T] = []
    try:
        for each in values:
            found.append(each)
            if len(found) == _READ:
                break
    except BaseException as error:
        loop.call_soon_threadsafe(_settle, asked, None, error)
        if not isinstance(error, Exception):
            raise
    else:
        loop.call_soon_threadsafe(_settle, asked, found, None)


def _settle(
    asked: asyncio.Future[list[T]], found: list[T] | None, error: BaseException | None
) -> None:
    if asked.done():
        return
    if error is not None:
        asked.set_exception(error)
    elif found is not None:
        asked.set_result(found)


class Mirror(Generic[A_co]):
    """Something whose methods are those of `inner`, which is asynchronous."""

    def __init__(self, inner: A_co, portal: Portal) -> None:
        self.inner = inner
        self.portal = portal


def waited(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Mirror[A], P], T]:
    """The method that waits for the result of an asynchronous one."""

    @functools.wraps(method)
    def call(self: Mirror[A], /, *args: P.args, **kwargs: P.kwargs) -> T:
        read = Reading()
        given: tuple[Any, ...] = tuple(map(read.of, args))
        named: dict[str, Any] = {name: read.of(value) for name, value in kwargs.items()}
        return self.portal.wait(method(self.inner, *given, **named), read)

    return call


def iterated(
    method: Callable[Concatenate[A, P], Items[T]],
) -> Callable[Concatenate[Mirror[A], P], Iterator[T]]:
    """The method that gives what an asynchronous one gives, one by one."""

    @functools.wraps(method)
    def call(self: Mirror[A], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        read = Reading()
        given: tuple[Any, ...] = tuple(map(read.of, args))
        named: dict[str, Any] = {name: read.of(value) for name, value in kwargs.items()}
        return _lists(self.portal, method(self.inner, *given, **named), read)

    return call


def _lists(portal: Portal, items: Items[T], read: Reading) -> Iterator[T]:
    # One that is interrupted is still running when it is to be closed.
    one_at_a_time = asyncio.Lock()

    async def following() -> list[T] | None:
        async with one_at_a_time:
            async for found in items.lists:
                return found
            return None

    async def close() -> None:
        async with one_at_a_time:
            await items.aclose()

    try:
        while (found := portal.wait(following(), read)) is not None:
            yield from found
    finally:
        if portal.is_running:
            portal.submit(close()).result()
