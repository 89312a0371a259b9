"""Attacks by how clients behave: they send slowly or ahead, do not read, or hold what they got."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from tests.attack.attack import JSON, Attack, Target, head, post, statuses

_HEALTH: Final = head("GET", "/health/live")
_GOOD: Final = post("/forecast", b'{"series": [1, 2], "horizon": 1}')
_BODILESS: Final = head("POST", "/forecast", JSON, "Content-Length: 10")
_ENDLESS: Final = head("POST", "/forecast", JSON, "Content-Length: 1000000")
_EXPECTING: Final = head("POST", "/forecast", JSON, "Content-Length: 10", "Expect: 100-continue")
_SECONDS: Final = 1  # that a request may take in these attacks
_MOST: Final = 4  # requests in flight in these attacks
_FEW: Final = {
    "UNROLL_MAX_IN_FLIGHT": str(_MOST),
    "UNROLL_REQUEST_TIMEOUT_SECONDS": str(_SECONDS),
}
_UNREAD: Final = {"UNROLL_MAX_UNSENT_BYTES": str(2**25), "UNROLL_WRITE_TIMEOUT_SECONDS": "1"}


def _in_flight(target: Target) -> float:
    """What the service says of itself."""
    with target.connect() as connection:
        connection.sendall(head("GET", "/metrics", "Connection: close"))
        page = b"".join(iter(lambda: connection.recv(1 << 20), b""))
    found = re.search(rb"^unroll_in_flight (\S+)$", page, flags=re.MULTILINE)
    assert found is not None
    return float(found[1])


def _last_status(connection: socket.socket, count: int) -> int:
    """The last one of so many answers, those that only say to go on not counted."""
    content = b""
    while True:
        found = [each for each in statuses(content) if each != 100]
        if len(found) == count:
            return found[-1]
        part = connection.recv(1 << 16)
        assert part, "it was closed early"
        content += part


def _too_many(request: bytes, before: int, target: Target) -> Iterable[int]:
    """64 clients ask at the same time for what holds a place until its time is over.

    before: requests that each client has answered first, sent with this one.
    """
    connections = [target.connect() for _ in range(64)]
    began = time.monotonic()
    for connection in connections:
        connection.sendall(_HEALTH * before + request)
    late = time.monotonic() - began
    found = [_last_status(each, before + 1) for each in connections]
    for connection in connections:
        connection.close()
    # Those that came after the first ones had to give up may have their places.
    assert found.count(504) <= _MOST * (1 + late // _SECONDS), "the limit is passed"
    return found


def _send_ahead(request: bytes, target: Target) -> Iterable[int]:
    """Asks without end and reads nothing, until nothing more is taken."""
    with target.connect() as connection:
        connection.settimeout(1)
        block = request * (1 << 18)
        try:
            for _ in range(1000):
                connection.sendall(block[: 1 << 20])
        except TimeoutError:
            return statuses(connection.recv(100))
    raise AssertionError("all of it was taken")


def _read_nothing(count: int, target: Target) -> Iterable[int]:
    """So many clients ask for 8 megabytes each, and read none of it."""
    rows, steps = 50, 20_000
    value = {
        "name": "value",
        "datatype": "FP32",
        "shape": [rows, steps],
        "parameters": {"binary_data_size": rows * steps * 4},
    }
    what = {"inputs": [value], "parameters": {"binary_data_output": True}}
    first = json.dumps(what).encode()
    request = post(
        "/v2/models/fp32/infer",
        first + b"\0" * (rows * steps * 4),
        f"Inference-Header-Content-Length: {len(first)}",
    )
    connections = []
    for _ in range(count):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", target.port))
        connection.sendall(request)
        connections.append(connection)
    begun = b"".join([each.recv(100, socket.MSG_WAITALL) for each in connections])
    end = time.monotonic() + 60
    while _in_flight(target) > 0:
        assert time.monotonic() < end, "they hold their places for ever"
        time.sleep(0.1)
    for connection in connections:
        try:
            while connection.recv(1 << 20):
                pass
        except ConnectionError:
            pass  # it was given up
        connection.close()
    return statuses(begun)


def _hold(content: bytes, count: int, target: Target) -> Iterable[int]:
    """Sends this on so many connections and then nothing; what is answered until each closes."""
    connections = [target.connect() for _ in range(count)]
    for connection in connections:
        connection.sendall(content)
    return target.ends(connections)


def _trickle(first: bytes, target: Target) -> Iterable[int]:
    """Sends this on 64 connections, then a byte each now and then, until all are closed."""
    connections = {target.connect(): b"" for _ in range(64)}
    found: list[int] = []
    for connection in connections:
        connection.sendall(first)
        connection.settimeout(0.01)
    while connections:
        for connection in list(connections):
            try:
                connection.sendall(b"x")
                part = connection.recv(4096)
            except TimeoutError:
                continue
            except ConnectionError:
                part = b""
            connections[connection] += part
            if not part:
                found += statuses(connections.pop(connection))
                connection.close()
    return found


def _bad_tokens(target: Target) -> Iterable[int]:
    """16 clients whose tokens the graph does not know, among four whose tokens it does."""

    def request(token: int) -> bytes:
        tokens = {"name": "token_ids", "datatype": "INT64", "shape": [1, 3], "data": [1, 2, token]}
        length = {"name": "lengths", "datatype": "INT64", "shape": [1], "data": [3]}
        return post("/v2/models/lookup/infer", json.dumps({"inputs": [tokens, length]}).encode())

    clients = [(target.connect(), 200 if number < 4 else 422) for number in range(20)]
    found = []
    for _ in range(15):
        for connection, expected in clients:
            connection.sendall(request(3 if expected == 200 else 99))
        for connection, expected in clients:
            found.append(_last_status(connection, 1))
            assert found[-1] == expected
    for connection, _ in clients:
        connection.close()
    return found


def _row(name: str, run: Callable[[Target], Iterable[int]], statuses: list[int]) -> Attack:
    return Attack(name, run, statuses, settings=_FEW)


def _unread_row(count: int, megabytes: int, **options: Any) -> Attack:
    run = partial(_read_nothing, count)
    name = f"{count} clients that do not read"
    # Of which the requests take the most while they are computed: all bodies together at most
    # `UNROLL_MAX_BUFFERED_BYTES`, and what was computed and what is answered as much again.
    return Attack(name, run, [200], megabytes=megabytes, settings=_UNREAD, **options)


ATTACKS = [
    _row("more requests than may be in flight", partial(_too_many, _BODILESS, 0), [429, 504]),
    _row("the same, asking first", partial(_too_many, _EXPECTING, 0), [429, 504]),
    _row("the same, behind other requests", partial(_too_many, _BODILESS, 5), [429, 504]),
    Attack("cheap requests without end", partial(_send_ahead, _HEALTH), [200]),
    Attack("good requests without end", partial(_send_ahead, _GOOD), [200]),
    Attack("refused requests without end", partial(_send_ahead, post("/forecast", b"[]")), [422]),
    Attack("tokens that the graph does not know", _bad_tokens, [200, 422]),
    _unread_row(8, 400),
    _unread_row(64, 800, seconds=300, long=True),
    Attack("heads that never end", partial(_trickle, _GOOD[:30]), [408], long=True),
    Attack("bodies that never end", partial(_trickle, _ENDLESS), [504], seconds=120, long=True),
    Attack("bodies that never come", partial(_hold, _BODILESS, 500), [504], seconds=120, long=True),
    Attack("connections without a request", partial(_hold, b"", 500), [], long=True),
]
