"""An answer in pieces, as server-sent events (WHATWG HTML, section 9.2). Knows no task.

What goes wrong before the first piece is answered like any other request; from then on the status
is out, and an error is an event like the rest.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

from fastapi import Request, Response
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.context import RequestRecord
from app.api.errors import error_response
from app.api.work import predictions_of, waited_for
from app.errors import DeadlineExceeded, UnrollError
from app.serving.models.loader import LoadedModel
from app.serving.scheduling.entry import Outcome

MEDIA_TYPE: Final = "text/event-stream"
# Proxies must not collect what is meant to be seen at once.
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def text_events(what: str, one: str, pieces: Sequence[str]) -> dict[int | str, dict[str, Any]]:
    """What /docs says of an answer that may come in pieces."""
    shown = "".join(f"event: text\ndata: {json.dumps({'text': each})}\n\n" for each in pieces)
    return {
        200: {
            "description": f"{what}; or, with `Accept: text/event-stream`, an event `text` with "
            f"each piece of {one}, and `answer` with the whole answer or `error` with a problem.",
            "content": {
                MEDIA_TYPE: {
                    "schema": {"type": "string"},
                    "example": f"{shown}event: answer\ndata: {{...}}\n\n",
                }
            },
        }
    }


def wants_events(request: Request) -> bool:
    """Whether the client asks for an answer in pieces."""
    parts = request.headers.get("accept", "").split(",")
    return any(part.partition(";")[0].strip().lower() == MEDIA_TYPE for part in parts)


def event(name: str, data: str) -> bytes:
    """One event; `data` is one line."""
    return f"event: {name}\ndata: {data}\n\n".encode()


class _EventStream(StreamingResponse):
    """A stream whose work ends with it, also when the client leaves."""

    def __init__(self, content: AsyncIterator[bytes], work: Future[Any]) -> None:
        super().__init__(content, headers=_HEADERS, media_type=MEDIA_TYPE)
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._work.cancel()


async def answer_in_events(
    request: Request,
    record: RequestRecord,
    model: LoadedModel,
    listening: Callable[[Callable[[str], None]], Any],
    answer: Callable[[Any], bytes],
) -> Response:
    """The response: an event `text` per piece, then one `answer` with all of it, or `error`.

    `listening` makes the example from what it tells its pieces to; `answer` makes the whole one
    from the prediction. Raises what a request without events raises before its first piece.
    """
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[str | None] = asyncio.Queue()

    def listen(text: str) -> None:
        try:
            loop.call_soon_threadsafe(pieces.put_nowait, text)
        except RuntimeError:  # the service has gone before its worker
            return

    arrived = time.monotonic()
    future: Future[Outcome[Any]] = model.scheduler.submit(
        listening(listen), deadline=record.deadline
    )
    done = asyncio.wrap_future(future)

    def end(done: asyncio.Future[Outcome[Any]]) -> None:
        # Behind the last piece: both come from the worker's thread, in this order. A failure that
        # is never looked at, because the client has left, is not an accident.
        pieces.put_nowait(None)
        done.cancelled() or done.exception()

    done.add_done_callback(end)
    try:
        first = await waited_for(request, record, asyncio.ensure_future(pieces.get()))
        if first is None:
            done.result()  # raises what went wrong; an answer of no words is none
    except BaseException:
        future.cancel()
        raise

    async def events() -> AsyncIterator[bytes]:
        piece = first
        try:
            while piece is not None:
                yield event("text", json.dumps({"text": piece}))
                piece = await _next(pieces, record.deadline)
            (prediction,) = predictions_of(record, arrived, [done.result()])
            yield event("answer", answer(prediction).decode())
        except UnrollError as error:
            response = await error_response(request, error)
            assert response is not None
            yield event("error", bytes(response.body).decode())

    return _EventStream(events(), future)


async def _next(pieces: asyncio.Queue[str | None], deadline: float | None) -> str | None:
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    try:
        return await asyncio.wait_for(pieces.get(), left)
    except TimeoutError:
        raise DeadlineExceeded("the deadline passed before the answer was there") from None
