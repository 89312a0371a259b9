"""One HTTP connection: uvicorn's, with less between the socket and the application.

Knows HTTP/1.1 and ASGI; no route. A request that arrives whole, as most do, is answered in the
callback that brought its last byte: no task, no event, one write. Some need no application at all:
who is turned away, and what is cheap to compute. Everything else (bodies in parts, pipelining,
answers in parts, errors of HTTP) goes the way that it goes in uvicorn.
"""

import asyncio
import re
import time
from typing import Any, Final
from urllib.parse import unquote

import httptools

from app.http.begun import begin
from app.http.call import ARRIVAL, DEPARTURE, Answers, Call, Gate, Headers, Target
from app.http.exchange import Exchange
from app.http.keep_alive import KeptAlive

# What `parse_url` would give back as it is: nothing to decode, no query, no host.
_PLAIN_PATH: Final = re.compile(rb"/[A-Za-z0-9_.~/-]*")

_BODY_SECONDS: Final = 0.05  # for which a body may keep its head waiting


class Connection(KeptAlive):
    """Answers the requests of one client, in their order."""

    _whole: Exchange | None = None
    _held: Target | None = None  # of a request that may need no application; its body is to come
    _since = 0.0  # when its head had come
    _body: bytes = b""  # of that one
    _waiting: asyncio.TimerHandle | None = None  # for it
    _asked: Call | None = None  # one that is being answered without the application
    _ending = False  # once that is answered
    _begun = False  # a request has begun to come, and not all of it is here
    _at_once = False
    _refusal: bytes | None = None

    def __init__(self, gate: Gate, answers: Answers, **options: Any) -> None:
        """`gate` has the answer to a request that is not let in; `options` are uvicorn's."""
        super().__init__(**options)
        self._gate = gate
        self._answers = answers

    def data_received(self, data: bytes) -> None:
        if self._is_free() and not self._begun:
            refusal = self._gate.unread(data, self.server_state.default_headers)
            if refusal is not None:
                self.transport.write(refusal)
                self.on_response_complete()
                return
        self._at_once = True
        super().data_received(data)
        if self._held is not None and self._waiting is None:
            # Many clients send the body by itself, just after the head.
            self._waiting = self.loop.call_later(_BODY_SECONDS, self._wait_no_longer)
        if self._whole is not None and not self.transport.is_closing():
            self._start_later()  # its body is still to come

    def connection_lost(self, error: Exception | None) -> None:
        if self._asked is not None:
            self._asked.gone = True
        self._release()
        super().connection_lost(error)
        if isinstance(self.cycle, Exchange):
            self.cycle.depart()

    def shutdown(self) -> None:
        self._wait_no_longer()
        if self._asked is not None:
            self._ending = True
        else:
            super().shutdown()

    def reply(self, answer: bytes) -> None:
        """The whole answer to what was asked."""
        self._asked = None
        if self.transport.is_closing():
            return
        self.transport.write(answer)
        if self._ending:
            self.transport.close()
        self.on_response_complete()

    def decline(self, call: Call) -> None:
        """The application answers what was asked."""
        self._asked = None
        if call.gone or self.transport.is_closing():
            return
        exchange = self._exchange(
            call.target, call.headers, "POST", "1.1", keep_alive=True, arrived=call.arrived
        )
        exchange.body, exchange.more_body = bytearray(call.body), False
        exchange.message_event.set()
        if self._ending:
            exchange.keep_alive = False
        if not self.pipeline:
            self.cycle = exchange
        self._start_asgi_task(exchange, self.app)

    def _is_free(self) -> bool:
        """Whether nothing is being answered."""
        return self._asked is None and (self.cycle is None or self.cycle.response_complete)

    def on_message_begin(self) -> None:
        self._begun = True
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        target = self._target()
        free = self._is_free()
        if free and not self.expect_100_continue:
            common = self.server_state.default_headers
            self._refusal = self._gate(target[0], self.headers, common)
            if self._refusal is not None:
                return
        if free and self._at_once and self._is_plain_post() and self._answers.takes(target[0]):
            self._held, self._since, self._body = target, time.monotonic(), b""
        else:
            self._open(target, free=free)

    def on_body(self, body: bytes) -> None:
        if self._refusal is not None:
            return
        if self._held is not None:
            self._body = self._body + body if self._body else body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._begun = False
        if self._refusal is not None:
            self._turn_away(self._refusal)
            return
        if self._held is not None:
            common = self.server_state.default_headers
            call = Call(self, self._held, self.headers, self._body, common)
            if self._answers.ask(call):
                self._release()
                self._asked, self._at_once = call, False
                return
            self._let_go()
        super().on_message_complete()
        # One of those that came together: the others must not keep everybody else waiting.
        if self._whole is None or not self._at_once:
            return
        exchange, self._whole, self._at_once = self._whole, None, False
        task = begin(exchange.run_asgi(self.app), self.loop)
        if task is not None:
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _is_plain_post(self) -> bool:
        """Whether an answer needs no more than its bytes to be written."""
        parser = self.parser
        return (
            parser.get_method() == b"POST"
            and not self.expect_100_continue
            and not self.flow.write_paused
            and not parser.should_upgrade()
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
        )

    def _wait_no_longer(self) -> None:
        """The application waits for the rest of a body, and knows for how long."""
        if self._held is not None:
            self._at_once = False
            self._let_go()

    def _release(self) -> Target | None:
        """What was held; it is no more."""
        if self._waiting is not None:
            self._waiting.cancel()
        target, self._held, self._waiting = self._held, None, None
        return target

    def _let_go(self) -> None:
        """The application answers the request that was held."""
        target = self._release()
        assert target is not None
        self._open(target, free=True, arrived=self._since)
        if self._body:
            super().on_body(self._body)

    def _open(self, target: Target, *, free: bool, arrived: float | None = None) -> None:
        """Make what the application gets to see of a request; `free`: none is before it."""
        parser, version = self.parser, self.parser.get_http_version()
        exchange = self._exchange(
            target,
            self.headers,
            parser.get_method().decode("ascii"),
            version,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            arrived=arrived,
        )
        self.scope, self.cycle = exchange.scope, exchange
        if free:
            self._whole = exchange
            if not self._at_once:
                self._start_later()
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))

    def _exchange(
        self,
        target: Target,
        headers: Headers,
        method: str,
        version: str,
        *,
        keep_alive: bool,
        arrived: float | None = None,
    ) -> Exchange:
        path, raw_path, query = target
        scope: Any = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "headers": headers,
            "state": {},
            "method": method,
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
        }
        exchange = Exchange(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=keep_alive,
            on_response=self.on_response_complete,
        )
        scope["extensions"] = {DEPARTURE: exchange.departure()}
        if arrived is not None:
            scope["extensions"][ARRIVAL] = arrived
        return exchange

    def _turn_away(self, answer: bytes) -> None:
        """Once its body has gone by: a client that still sends might not read."""
        self._refusal = None
        self.transport.write(answer)
        if self.parser.get_http_version() == "1.0" or not self.parser.should_keep_alive():
            self.transport.close()
        self.on_response_complete()

    def _start_later(self) -> None:
        exchange, self._whole = self._whole, None
        assert exchange is not None
        self._start_asgi_task(exchange, self.app)

    def _target(self) -> Target:
        """(path, the path as it was sent, query) of the request."""
        url = self.url
        if _PLAIN_PATH.fullmatch(url):
            return url.decode("ascii"), url, b""
        parsed = httptools.parse_url(url)
        path = parsed.path.decode("ascii")
        return unquote(path) if "%" in path else path, parsed.path, parsed.query or b""
