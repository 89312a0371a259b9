"""A connection that is closed when nothing comes for some time. Knows timers; no request.

uvicorn sets a timer after every answer and takes it back at the next request, which would be a good
part of the shortest ones. Here a connection has one, which looks how long it has been quiet when it
is over.
"""

import math

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class KeptAlive(HttpToolsProtocol):
    """uvicorn's connection with one timer."""

    _idle_since = math.inf  # loop time; infinite while a request is under way

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()

    def on_response_complete(self) -> None:
        """An answer is out; the next request is looked at, or waited for."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            exchange, app = self.pipeline.pop()
            self._start_asgi_task(exchange, app)
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._wait_for_more(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self.transport.is_closing() or self._idle_since == math.inf:
            return  # the end of the request that is under way sets another timer
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._wait_for_more(left)
        else:
            self.transport.close()

    def _wait_for_more(self, seconds: float) -> None:
        handler = self.timeout_keep_alive_handler
        self.timeout_keep_alive_task = self.loop.call_later(seconds, handler)

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = math.inf
