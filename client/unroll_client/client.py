"""The client for programs that are not asynchronous. Knows nothing that the other one does not."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import httpx

from unroll_client.asynchronous import AsyncClient
from unroll_client.bridge import Mirror, Portal, iterated, waited
from unroll_client.streams import AsyncStream


class Stream(Mirror[AsyncStream]):
    """A stream of a service. `position` is how many steps it has taken, as far as is known here."""

    def __enter__(self) -> Stream:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """The stream stays; `delete` ends it."""

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def position(self) -> int:
        return self.inner.position

    open = waited(AsyncStream.open)
    refresh = waited(AsyncStream.refresh)
    step = waited(AsyncStream.step)
    step_tensors = waited(AsyncStream.step_tensors)
    write = waited(AsyncStream.write)
    feed = iterated(AsyncStream.feed)
    state = waited(AsyncStream.state)
    restore = waited(AsyncStream.restore)
    delete = waited(AsyncStream.delete)

    def fork(self, name: str) -> Stream:
        """A copy of the stream under another name, which goes on by itself."""
        return Stream(_fork(self, name), self.portal)


_fork = waited(AsyncStream.fork)


class Client(Mirror[AsyncClient]):
    """Asks one service. Any number of threads may use it; close it, or use it with `with`.

    Every method that takes any number of inputs comes twice: `iter_NAME` gives the answers one by
    one, in order, with an error in the place of an input that was refused, and holds no more than
    is on its way; `NAME` gives a list, and raises the first error.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        retry_seconds: float = 120.0,
        connections: int = 4,
        wait_for_start: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Arguments are those of `AsyncClient`."""
        inner = AsyncClient(
            url,
            api_key=api_key,
            timeout=timeout,
            retry_seconds=retry_seconds,
            connections=connections,
            wait_for_start=wait_for_start,
            transport=transport,
        )
        super().__init__(inner, Portal())

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self.portal.is_running:
            _close(self)
        self.portal.close()

    def stream(
        self,
        name: str,
        model: str | None = None,
        *,
        version: str | None = None,
        ttl_seconds: float | None = None,
        on_new_version: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Stream:
        """A stream, opened by `with`: with `model` if it is not there yet.

        Raises:
            WrongArgument: `name` is none.
        """
        inner = self.inner.stream(
            name,
            model,
            version=version,
            ttl_seconds=ttl_seconds,
            on_new_version=on_new_version,
            options=options,
        )
        return Stream(inner, self.portal)

    ask = waited(AsyncClient.ask)
    ready = waited(AsyncClient.ready)
    models = waited(AsyncClient.models)
    manifest = waited(AsyncClient.manifest)
    load = waited(AsyncClient.load)
    unload = waited(AsyncClient.unload)
    infer = waited(AsyncClient.infer)
    streams = waited(AsyncClient.streams)

    forecast = waited(AsyncClient.forecast)
    iter_forecast = iterated(AsyncClient.iter_forecast)
    anomalies = waited(AsyncClient.anomalies)
    iter_anomalies = iterated(AsyncClient.iter_anomalies)
    backtest = waited(AsyncClient.backtest)
    iter_backtest = iterated(AsyncClient.iter_backtest)

    sentiment = waited(AsyncClient.sentiment)
    iter_sentiment = iterated(AsyncClient.iter_sentiment)
    classify = waited(AsyncClient.classify)
    iter_classify = iterated(AsyncClient.iter_classify)
    authorship = waited(AsyncClient.authorship)
    iter_authorship = iterated(AsyncClient.iter_authorship)
    translate = waited(AsyncClient.translate)
    iter_translate = iterated(AsyncClient.iter_translate)
    translate_words = iterated(AsyncClient.translate_words)
    caption = waited(AsyncClient.caption)
    iter_caption = iterated(AsyncClient.iter_caption)
    caption_words = iterated(AsyncClient.caption_words)
    generate = waited(AsyncClient.generate)
    generate_words = iterated(AsyncClient.generate_words)


_close = waited(AsyncClient.close)
