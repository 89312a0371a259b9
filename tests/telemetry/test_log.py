"""Every line is one JSON object, whoever wrote it."""

import io
import json
import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from app.telemetry import log
from app.telemetry import metrics as metrics  # registers what is counted
from tests.samples import sample
from tests.telemetry.pipes import read_until, unread_pipe


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, config = list(root.handlers), root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("uvicorn.access").disabled = False
    structlog.configure(**config)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def text(stream: io.StringIO) -> str:
    log.flush()
    return stream.getvalue()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text(stream).splitlines()]


def test_both_kinds_of_record_become_json() -> None:
    stream = io.StringIO()
    log.configure("auto", "INFO", stream)
    log.get_logger("app.x").info("model_loaded", model="forecast", seconds=0.5)
    logging.getLogger("uvicorn.error").warning("port %d", 80, extra={"more": 1})
    logging.getLogger("uvicorn.access").warning("never shown")
    first, second = lines(stream)
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "model_loaded",
        "model": "forecast",
        "seconds": 0.5,
        "logger": "app.x",
        "level": "info",
    }
    assert (second["event"], second["level"], second["more"]) == ("port 80", "warning", 1)


def test_the_level_holds_for_both() -> None:
    stream = io.StringIO()
    log.configure("json", "WARNING", stream)
    log.get_logger("x").info("quiet")
    logging.getLogger("x").info("quiet")
    log.get_logger("x").warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_the_request_id_is_on_every_line_inside() -> None:
    stream = io.StringIO()
    log.configure("json", "INFO", stream)
    with log.request_context("abc"):
        assert log.current_ids() == {"request_id": "abc"}
        log.get_logger("x").info("inside")
        logging.getLogger("x").info("inside too")
    log.get_logger("x").info("outside")
    assert log.current_ids() == {}
    assert [line.get("request_id") for line in lines(stream)] == ["abc", "abc", None]


def test_an_exception_stays_on_one_line() -> None:
    stream = io.StringIO()
    log.configure("json", "INFO", stream)
    try:
        raise ValueError("a\nb")
    except ValueError:
        log.get_logger("x").exception("failed")
        logging.getLogger("x").exception("failed too")
    for line in lines(stream):
        assert "ValueError: a\nb" in line["exception"]


def test_console_lines_are_for_people_and_replace_the_handler() -> None:
    old, stream = io.StringIO(), io.StringIO()
    log.configure("json", "INFO", old)
    log.configure("console", "INFO", stream)
    log.get_logger("x").info("model_loaded", model="forecast")
    assert "model_loaded" in text(stream)
    assert "model=forecast" in text(stream)
    assert old.getvalue() == ""


def test_a_line_cannot_be_forged() -> None:
    """A path is decoded before it is logged: it may hold line ends and escape codes."""
    forged = "/x\n2020-01-01 [info] request status=200 \x1b[2J\u2028"
    for log_format in ("console", "json"):
        stream = io.StringIO()
        log.configure(log_format, "INFO", stream)
        log.get_logger("x").info("request", path=forged, request_id="a")
        assert len(text(stream).splitlines()) == 1
        assert "\x1b" not in text(stream)


@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_that_was_sent_reaches_a_terminal_raw(terminal: bool) -> None:
    """Neither in the event, nor in its fields, whatever their type, nor in a traceback."""
    stream = Terminal() if terminal else io.StringIO()
    log.configure("console", "INFO", stream)
    root = logging.getLogger()
    # pytest's would put a lone surrogate into its report.
    root.handlers[:] = [each for each in root.handlers if "pytest" not in type(each).__module__]
    odd = "\x1b[2J\x07\x7f\x9b\u2028\u2029\u202e\ud800"
    logging.getLogger("uvicorn.error").warning("Invalid request: %s", odd, extra={"more": {odd: 1}})
    log.get_logger("x").info(odd, **{odd: odd}, path=Path(odd), raw=odd.encode("utf-8", "replace"))
    try:
        raise ValueError(odd + "\n2020-01-01 [info] forged")
    except ValueError:
        log.get_logger("x").exception("failed")
    written = text(stream)
    raw = [each for each in odd.removeprefix("\x1b") if each in written and not each.isprintable()]
    assert ascii(raw) == "[]"
    assert "\x1b[2J" not in written
    assert written.count("\\x1b") >= 5, ascii(written)
    assert "\n2020" not in written
    assert "    2020-01-01 [info] forged" in written


def test_a_record_that_cannot_be_rendered_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    for log_format in ("console", "json"):
        stream = io.StringIO()
        log.configure(log_format, "INFO", stream)
        root = logging.getLogger()
        root.handlers[:] = root.handlers[-1:]  # pytest has handlers, too, which raise
        logging.getLogger("x").warning("%d", "no number")
        written = text(stream)
        assert "log_record_failed" in written
        assert "TypeError" in written
    assert capsys.readouterr().err == ""


def test_dropped_lines_are_said_in_either_format_and_counted() -> None:
    for log_format in ("console", "json"):
        with unread_pipe() as (reading, stream):
            log.configure(log_format, "INFO", stream)
            before = log.dropped_lines()
            start = time.monotonic()
            while log.dropped_lines() < before + 10:
                log.get_logger("x").info("event", filler="x" * 100_000)
                assert time.monotonic() - start < 60
            log.write(logging.getLogger("x"), logging.INFO, "request", {"status": 200})
            dropped = log.dropped_lines() - before
            assert sample("unroll_log_lines_dropped_total") == before + dropped
            assert dropped == 11
            last = read_until(reading, b"log_lines_dropped").decode().splitlines()[-1]
            assert re.search(r'lines=11\b|"lines": 11\b', last)
            log.configure("json", "INFO", io.StringIO())


def test_a_traceback_never_shows_what_a_client_sent() -> None:
    stream = io.StringIO()
    log.configure("console", "INFO", stream)
    secret = "private " * 3
    try:
        int(secret[:0])
    except ValueError:
        log.get_logger("x").exception("failed")
    assert "ValueError" in text(stream)
    assert secret not in text(stream)


def test_the_short_way_writes_the_same_line() -> None:
    facts: dict[str, log.Fact] = {
        "path": '/x\n"\u2028\x1b',
        "status": 200,
        "duration_ms": 1.5,
        "model": "m",
    }
    for level, wanted in ((logging.DEBUG, 0), (logging.INFO, 2), (logging.WARNING, 2)):
        stream = io.StringIO()
        log.configure("json", "INFO", stream)
        name = logging.getLevelName(level).lower()
        with log.request_context("abc", trace_id="t"):
            log.write(logging.getLogger("app.x"), level, "request", facts)
            getattr(log.get_logger("app.x"), name)("request", **facts)
        written = lines(stream)
        assert len(written) == wanted
        for line in written:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
            expected = {"event": "request", "logger": "app.x", "level": name}
            assert line == facts | expected | {"request_id": "abc", "trace_id": "t"}


def test_the_short_way_writes_for_people_too() -> None:
    stream = io.StringIO()
    log.configure("console", "INFO", stream)
    log.write(logging.getLogger("x"), logging.INFO, "request", {"status": 200})
    assert "status=200" in text(stream)


def test_nobody_reading_is_no_accident() -> None:
    stream = io.StringIO()
    log.configure("json", "INFO", stream)
    stream.close()
    log.write(logging.getLogger("x"), logging.INFO, "request", {"status": 200})
