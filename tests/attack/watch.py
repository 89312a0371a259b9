"""Asks a service whether it is alive, again and again, from a process of its own.

`python -m tests.attack.watch PORT PID` asks until its standard input ends, then prints how long the
slowest answer took: `{"asked": 200, "stall": 0.004, "slowest": 0.01, "failed": 0}`, in seconds.
`slowest` is what a clock says. On a busy machine a process waits for others, which is not its
fault: `stall` is the most that the service has computed while one answer was waited for, and no
more than that answer took.
"""

import json
import os
import select
import socket
import sys
import time
from pathlib import Path

_EVERY_SECONDS = 0.01
_TIMEOUT_SECONDS = 120
_REQUEST = b"GET /health/live HTTP/1.1\r\nHost: watch\r\nConnection: close\r\n\r\n"


def computed(pid: int) -> float:
    """Seconds of processor time that a process has taken, all threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_alive(port: int) -> bool:
    """Whether the service says so."""
    try:
        with socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS) as connection:
            connection.sendall(_REQUEST)
            answer = b""
            while part := connection.recv(4096):
                answer += part
    except OSError:
        return False
    return answer.startswith(b"HTTP/1.1 200 ")


def main() -> None:
    port, pid = map(int, sys.argv[1:])
    asked, failed, stall, slowest = 0, 0, 0.0, 0.0
    ended = False
    while not ended:
        ended = bool(select.select([sys.stdin], [], [], _EVERY_SECONDS)[0])
        before, began = computed(pid), time.monotonic()
        failed += not is_alive(port)
        took, worked = time.monotonic() - began, computed(pid) - before
        asked += 1
        stall, slowest = max(stall, min(took, worked)), max(slowest, took)
        if asked == 1:
            print("watching", flush=True)
    print(json.dumps({"asked": asked, "stall": stall, "slowest": slowest, "failed": failed}))


if __name__ == "__main__":
    main()
