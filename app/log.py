"""Logs: one JSON object per line, or readable lines on a terminal. Knows no route and no model.

Standard `logging` records (uvicorn's, for instance) and structlog events leave through the same
handler, so that one format holds for all. The request id travels in a context variable.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

LogFormat = Literal["auto", "json", "console"]


def _without_colour(logger: object, name: str, event: EventDict) -> EventDict:
    """uvicorn says everything twice, the second time with escape codes for a terminal."""
    event.pop("color_message", None)
    return event


# What both kinds of record go through before they are rendered.
_SHARED: Final[tuple[Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


# The default formatter prints local variables: slow, and they hold what clients sent.
_plain: Final = structlog.dev.plain_traceback


class _Handler(logging.StreamHandler[TextIO]):
    """Our handler; its own class so that a second `configure` finds and replaces it."""


def configure(
    log_format: LogFormat = "auto", level: str = "INFO", stream: TextIO | None = None
) -> None:
    """Send every log record to `stream` (default: standard error). May be called again."""
    stream = stream if stream is not None else sys.stderr
    terminal = stream.isatty()
    console = log_format == "console" or (log_format == "auto" and terminal)
    rendering: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=_plain)]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder(), _without_colour],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    # The api writes one line per request itself, with the model and the timings.
    logging.getLogger("uvicorn.access").disabled = True
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger whose calls take an event name and keyword fields."""
    return cast(FilteringBoundLogger, structlog.stdlib.get_logger(name))


@contextmanager
def request_context(request_id: str, **ids: str) -> Iterator[None]:
    """Inside, every log line of this thread or asyncio task carries the request id and `ids`."""
    with structlog.contextvars.bound_contextvars(request_id=request_id, **ids):
        yield


def current_request_id() -> str | None:
    """The id of the request being answered here, if any."""
    request_id: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return request_id
