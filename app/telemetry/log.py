"""Logs: one JSON object per line, or readable lines on a terminal. Knows no route and no model.

Standard `logging` records (uvicorn's, for instance) and structlog events leave through the same
handler, so that one format holds for all. The request id travels in a context variable. Whoever
logs never waits for the stream: see `app.telemetry.log_writer`.
"""

import json
import logging
import sys
import time
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal, TextIO, TypeAlias, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from app.telemetry.log_writer import LogWriter

Fact: TypeAlias = str | int | float
LogFormat = Literal["auto", "json", "console"]

_ids: Final[ContextVar[Mapping[str, str]]] = ContextVar("request_ids", default=MappingProxyType({}))


def _without_colour(logger: object, name: str, event: EventDict) -> EventDict:
    """Drop uvicorn's second copy of its message, which holds escape codes for a terminal."""
    event.pop("color_message", None)
    return event


def _with_ids(logger: object, name: str, event: EventDict) -> EventDict:
    """Add the ids of the request that is being answered here, if any."""
    for key, value in _ids.get().items():
        event.setdefault(key, value)
    return event


def _visible(text: str) -> str:
    """The text with what cannot be seen as an escape: control characters, line separators."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def _escaped(logger: object, name: str, event: EventDict) -> EventDict:
    """What a client sent can neither begin a line nor steer a terminal. For people's lines only.

    JSON escapes by itself. Tracebacks keep their lines, indented.
    """
    return {_visible(key): _escaped_value(key, value) for key, value in event.items()}


def _escaped_value(key: str, value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if key in ("exception", "stack"):
        return "\n    ".join(map(_visible, str(value).split("\n")))
    return _visible(value if isinstance(value, str) else repr(value))


# Both kinds of record pass these before they are rendered.
_SHARED: Final[tuple[Processor, ...]] = (
    _with_ids,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


class _Handler(logging.Handler):
    """Our handler; its own class so that a second `configure` finds and replaces it."""

    def __init__(self, stream: TextIO, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.writer = LogWriter(stream, self._dropped)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
        else:
            self.writer.add(line + "\n", urgent=True)

    def flush(self) -> None:
        """Wait for the stream, not for long. `logging` calls it when the process ends."""
        self.writer.flush()

    def handleError(self, record: logging.LogRecord) -> None:
        """Log what went wrong with a record; the library would wait for standard error."""
        facts = {"record": str(record.msg), "source": record.name}
        self.writer.add(self._line(logging.ERROR, "log_record_failed", facts, sys.exc_info()))

    def _dropped(self, lines: int) -> str:
        return self._line(logging.WARNING, "log_lines_dropped", {"lines": lines})

    def _line(self, level: int, event: str, facts: Mapping[str, Fact], error: Any = None) -> str:
        record = logging.LogRecord(__name__, level, __file__, 0, event, None, error)
        record.__dict__.update(facts)
        return self.format(record) + "\n"


_quoted: Final = json.encoder.encode_basestring_ascii
_LEVELS: Final = {each: logging.getLevelName(each).lower() for each in (10, 20, 30, 40)}
_handler: _Handler | None = None  # of the last `configure`
_json_handler: _Handler | None = None  # the same, if its lines are JSON
_writers: Final[list[LogWriter]] = []  # of every `configure`


def configure(
    log_format: LogFormat = "auto", level: str = "INFO", stream: TextIO | None = None
) -> None:
    """Send every log record to `stream` (default: standard error). May be called again."""
    stream = stream if stream is not None else sys.stderr
    terminal = stream.isatty()
    console = log_format == "console" or (log_format == "auto" and terminal)
    # Rendered by the console renderer, exceptions would show local variables: what clients sent.
    plain = structlog.dev.plain_traceback
    rendering: list[Processor] = (
        [_escaped, structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=plain)]
        if console
        else [structlog.processors.JSONRenderer()]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder(), _without_colour],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            *rendering,
        ],
    )
    global _handler, _json_handler
    flush()
    handler = _Handler(stream, formatter)
    _handler, _json_handler = handler, None if console else handler
    _writers.append(handler.writer)
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    # The service writes its own line for each request, with the model and the timings.
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


def write(
    logger: logging.Logger,
    level: int,
    event: str,
    facts: Mapping[str, Fact],
    *,
    ids: Mapping[str, str] | None = None,
    at: float | None = None,
) -> None:
    """Write the line that `get_logger` would, at a small part of its cost where lines are JSON.

    For what is logged once a request. `level` is one of `logging`'s; numbers are finite. `ids` are
    those of the request, `at` is a Unix time; without them, the current ones.
    """
    ids = current_ids() if ids is None else ids
    if not logger.isEnabledFor(level):
        return
    handler = _json_handler
    if handler is None:
        get_logger(logger.name).log(level, event, **{**facts, **ids})
        return
    parts = [
        f'"{name}": {_quoted(value) if isinstance(value, str) else value}'
        for each in (facts, ids)
        for name, value in each.items()
    ]
    at = time.time() if at is None else at
    second = int(at)
    now = f"{_written(second)}.{int((at - second) * 1e6):06d}"
    line = (
        f'{{{", ".join(parts)}, "event": "{event}", "logger": "{logger.name}", '
        f'"level": "{_LEVELS[level]}", "timestamp": "{now}Z"}}\n'
    )
    handler.writer.add(line)


@lru_cache(maxsize=8)
def _written(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def start() -> None:
    """Start the thread that writes; else the first line does, and waits for it."""
    if _handler is not None:
        _handler.writer.start()


def flush() -> None:
    """Wait until every line so far is written; for a second at most, if nobody reads them."""
    if _handler is not None:
        _handler.flush()


def dropped_lines() -> int:
    """Lines that were dropped since the process started: nobody read the stream."""
    return sum(each.dropped for each in _writers)


class request_context:  # a context manager, and not worth a generator each time
    """Inside, every log line of this thread or asyncio task carries the request id and `ids`."""

    __slots__ = ("_ids", "_token")

    def __init__(self, request_id: str, **ids: str) -> None:
        self._ids = {"request_id": request_id, **ids}

    def __enter__(self) -> None:
        self._token = _ids.set(self._ids)

    def __exit__(self, *error: object) -> None:
        _ids.reset(self._token)


def current_ids() -> Mapping[str, str]:
    """The ids that every line here carries: of the request that is being answered, if any."""
    return _ids.get()
