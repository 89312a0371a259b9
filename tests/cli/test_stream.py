"""`unroll predict stream`: lines in, answers out, each step taken once whatever gets lost."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.cli.test_predict import run
from tests.client.servers import answering, free_address


class Sums:
    """A service with one stream at a time, which adds numbers up. It can lose answers.

    trouble: for the coming requests that take steps "lose" (the steps are taken, and the connection
    ends), "down" (503, nothing is taken), "busy" (429), or "".
    """

    def __init__(self) -> None:
        self.values: list[Any] | None = None
        self.trouble: list[str] = []
        self.asked = 0

    def opened(self) -> dict[str, Any]:
        assert self.values is not None
        return {"stream": "s", "model": "sums", "position": len(self.values)}

    def take(self, position: int, values: list[Any]) -> tuple[int, dict[str, Any]]:
        assert self.values is not None
        replayed = self.values[position:] == values
        if position != len(self.values) and not replayed:
            text = f"the stream is at {len(self.values)}"
            return 409, {"title": "Wrong position", "detail": text}
        if not replayed:
            self.values += values
        numbers = [sum(each) if isinstance(each, list) else each for each in self.values]
        steps = [{"sum": [sum(numbers[: position + count + 1])]} for count in range(len(values))]
        answer = {"stream": "s", "version": "1", "replayed": replayed, "steps": steps}
        return 200, answer | {"position": len(self.values)}


@pytest.fixture(name="sums")
def service() -> Iterator[tuple[Sums, str]]:
    sums = Sums()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if sums.values is None:
                self.answer(404, {"title": "Stream not found", "detail": "there is no stream 's'"})
            else:
                self.answer(200, sums.opened())

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status = 201 if sums.values is None else 200
            sums.values = sums.values or []
            self.answer(status, sums.opened())

        def do_POST(self) -> None:
            sums.asked += 1
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            trouble = sums.trouble.pop(0) if sums.trouble else ""
            if trouble == "down":
                return self.answer(503, {"title": "Not ready", "detail": "it starts"})
            if trouble == "busy":
                return self.answer(429, {"title": "Too busy", "detail": "later"}, retry="0")
            status, answer = sums.take(body["position"], body["values"])
            if trouble == "lose":
                self.close_connection = True
                return None
            return self.answer(status, answer)

        def answer(self, status: int, body: dict[str, Any], retry: str = "") -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if retry:
                self.send_header("Retry-After", retry)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield sums, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_every_line_is_a_step(sums: tuple[Sums, str]) -> None:
    stream, url = sums
    lines = b"\xef\xbb\xbf1\n2.5\n\n1, 2\n[3, 4]\n"
    code, out, err = run("stream", "s", "--model", "sums", "--url", url, stdin=lines)
    assert (code, err) == (0, "s is at position 4\n")
    assert out.split() == ["1", "3.5", "6.5", "13.5"]
    assert stream.values == [1, 2.5, [1, 2], [3, 4]]
    code, out, _ = run("stream", "s", "--url", url, "--json", stdin=b"1")
    assert json.loads(out)["position"] == 5


def test_answers_come_while_the_input_is_open(sums: tuple[Sums, str]) -> None:
    """The next line is only written when the answer to the one before has been read."""
    _, url = sums
    command = [sys.executable, "-m", "app", "predict", "stream", "s", "--model", "sums"]
    with subprocess.Popen(
        [*command, "--url", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        watchdog = threading.Timer(120, process.kill)
        watchdog.start()
        for line, answer in (("1", "1"), ("2", "3"), ("3", "6")):
            process.stdin.write(f"{line}\n")
            process.stdin.flush()
            assert process.stdout.readline().strip() == answer
        process.stdin.close()
        assert process.wait(60) == 0
        watchdog.cancel()


def test_lost_answers_are_asked_for_again(sums: tuple[Sums, str]) -> None:
    stream, url = sums
    stream.trouble = ["lose", "", "lose", "down", "lose", "busy", ""]
    code, out, err = run("stream", "s", "--model", "sums", "--url", url, stdin=b"1\n2\n3\n")
    assert (code, err) == (0, "s is at position 3\n")
    assert out.split() == ["1", "3", "6"]
    assert stream.values == [1, 2, 3], "each was taken once"
    assert stream.asked == 8


def test_lines_that_were_taken_are_skipped(sums: tuple[Sums, str]) -> None:
    stream, url = sums
    stream.values = [1, 2]
    code, out, _ = run("stream", "s", "--url", url, "--resume", stdin=b"1\n\n2\n3\n4\n")
    assert code == 0
    assert out.split() == ["6", "10"]


def test_several_lines_can_be_sent_at_once(sums: tuple[Sums, str]) -> None:
    stream, url = sums
    numbers = "".join(f"{each}\n" for each in range(7)).encode()
    arguments = ("stream", "s", "--model", "sums", "--url", url, "--chunk", "3")
    code, out, _ = run(*arguments, stdin=numbers)
    assert code == 0
    assert out.split() == ["0", "1", "3", "6", "10", "15", "21"]
    assert stream.asked == 3


def test_somebody_else_s_steps_end_it(sums: tuple[Sums, str]) -> None:
    stream, url = sums
    stream.values = []

    def lines() -> bytes:
        return b"1\n2\n"

    right = stream.take
    stream.take = lambda position, values: right(position - 1, values)  # type: ignore[method-assign]
    code, out, err = run("stream", "s", "--url", url, stdin=lines())
    assert (code, out) == (1, "")
    assert "409 Wrong position: the stream is at 0" in err


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (b"1\nx\n", "line 2: expected a number, numbers separated by commas, or a JSON list"),
        (b'{"a": 1}\n', "line 1: expected a number"),
        (b"\xff\xfe1\n", "line 1: expected a number"),
    ],
)
def test_a_line_that_is_no_step(sums: tuple[Sums, str], stdin: bytes, words: str) -> None:
    code, _, err = run("stream", "s", "--model", "sums", "--url", sums[1], stdin=stdin)
    assert code == 2
    assert words in err


def test_a_name_that_is_none(sums: tuple[Sums, str]) -> None:
    code, _, err = run("stream", "a b/c", "--model", "sums", "--url", sums[1], stdin=b"1\n")
    assert code == 2
    assert "NAME: 'a b/c' is none; 1 to 128 letters, digits" in err


def test_a_stream_that_is_not_there(sums: tuple[Sums, str]) -> None:
    code, _, err = run("stream", "s", "--url", sums[1], stdin=b"1\n")
    assert code == 2
    assert "there is no stream 's'; --model MODEL opens it" in err


def test_a_service_that_stays_away() -> None:
    code, _, err = run("stream", "s", "--url", free_address(), "--wait", "0.3", stdin=b"1\n")
    assert code == 1
    assert "nobody answers at" in err
    with answering(200, b"{}") as (url, _):
        code, _, err = run("stream", "s", "--url", url, "--model", "m", "--wait", "0", stdin=b"1\n")
    assert code == 1
    assert len(err.splitlines()) == 1
