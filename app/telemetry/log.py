"""Logs: one JSON object per line, or readable lines on a terminal. Knows no route and no model.

Standard `logging` records (uvicorn's, for instance) and structlog events leave through the same
handler, so that one format holds for all. The request id travels in a context variable.
"""

import atexit
import json
import logging
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Literal, TextIO, TypeAlias, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from app.telemetry.log_writer import Lines

Fact: TypeAlias = str | int | float
LogFormat = Literal["auto", "json", "console"]


_ids: Final[ContextVar[Mapping[str, str]]] = ContextVar("request_ids", default=MappingProxyType({}))


def _without_colour(logger: object, name: str, event: EventDict) -> EventDict:
    """uvicorn says everything twice, the second time with escape codes for a terminal."""
    event.pop("color_message", None)
    return event


def _with_ids(logger: object, name: str, event: EventDict) -> EventDict:
    """Whose request it is, if any is being answered here."""
    for key, value in _ids.get().items():
        event.setdefault(key, value)
    return event


# What both kinds of record go through before they are rendered.
_SHARED: Final[tuple[Processor, ...]] = (
    _with_ids,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


# The default formatter prints local variables: slow, and they hold what clients sent.
_plain: Final = structlog.dev.plain_traceback


class _Handler(logging.StreamHandler[TextIO]):
    """Our handler; its own class so that a second `configure` finds and replaces it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.lines = Lines(stream)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.flush()  # lines keep their order
        super().emit(record)


_quoted: Final = json.encoder.encode_basestring_ascii
_LEVELS: Final = {each: logging.getLevelName(each).lower() for each in (10, 20, 30, 40)}
_json_handler: _Handler | None = None  # ours, while lines are JSON


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
    global _json_handler
    flush()
    _json_handler = None if console else handler
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


def write(
    logger: logging.Logger,
    level: int,
    event: str,
    facts: Mapping[str, Fact],
    *,
    ids: Mapping[str, str] | None = None,
    at: float | None = None,
) -> None:
    """Write the line that `get_logger` would; where lines are JSON, later, and many at once.

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
    time = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    now = time.isoformat(timespec="microseconds")[:-6]
    line = (
        f'{{{", ".join(parts)}, "event": "{event}", "logger": "{logger.name}", '
        f'"level": "{_LEVELS[level]}", "timestamp": "{now}Z"}}\n'
    )
    handler.lines.put(line)


def flush() -> None:
    """Write what waits to be written; `write` puts it off for some milliseconds."""
    if _json_handler is not None:
        _json_handler.lines.flush()


atexit.register(flush)


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
    """What every line says that is written here: whose request is being answered, if any."""
    return _ids.get()


def current_request_id() -> str | None:
    """The id of the request being answered here, if any."""
    return _ids.get().get("request_id")
