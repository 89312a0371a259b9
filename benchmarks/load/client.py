"""Asks a service and tells what came of it: the C program `asking.c`, built on the spot.

Knows ports, files of requests and times; neither services nor what is asked.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

_SOURCE: Final = Path(__file__).with_name("asking.c")
_CONNECTIONS: Final = 16_000  # an open loop opens as many as it needs, this many at most
_READY: Final = 1_000  # of them before the first request, as clients keep them between requests
READY_SECONDS: Final = 2.0  # an open loop takes to open those; its clock starts then
FAILED, GIVEN_UP = 0, 1


@dataclass(frozen=True)
class Answers:
    """What happened to every request, in the order in which they were due. All are (count).

    due: seconds from the start; seconds: from then to the answer; status: HTTP's, or FAILED, or
    GIVEN_UP; started: when the client's clock started, as time.monotonic() counts.
    """

    request: NDArray[np.int64]
    due: NDArray[np.float64]
    seconds: NDArray[np.float64]
    status: NDArray[np.int64]
    started: float

    def of(self, status: int) -> NDArray[np.float64]:
        """Seconds of those that were answered with this status."""
        seconds: NDArray[np.float64] = self.seconds[self.status == status]
        return seconds

    def between(self, start: float, end: float) -> "Answers":
        """Those that were due in this time."""
        return self._only((self.due >= start) & (self.due < end))

    def answered_between(self, start: float, end: float) -> "Answers":
        """Those whose answers came in this time, whenever they were due."""
        at = self.due + self.seconds
        return self._only((at >= start) & (at < end))

    def _only(self, kept: NDArray[np.bool_]) -> "Answers":
        columns = self.request[kept], self.due[kept], self.seconds[kept], self.status[kept]
        return Answers(*columns, self.started)

    def in_time(self, deadline: float) -> int:
        """How many were answered with 200 by their deadline."""
        return int((self.of(200) <= deadline).sum())

    def share(self, status: int) -> float:
        """How many of all have this status, 0 to 1."""
        return len(self.of(status)) / max(1, len(self.status))

    def longest_gap(self, start: float, end: float) -> float:
        """The longest time, in seconds, in which no answer of any kind came."""
        at = (self.due + self.seconds)[self.status > GIVEN_UP]
        within = np.sort(at[(at > start) & (at < end)])
        return float(np.diff(np.concatenate(([start], within, [end]))).max())

    def percentile(self, percent: float, status: int = 200) -> float:
        """Of the seconds of those with this status; NaN if there are none."""
        seconds = self.of(status)
        return float(np.percentile(seconds, percent)) if len(seconds) else float("nan")


def build(folder: Path) -> Path:
    """Compile the client into `folder`; needs a C compiler named cc."""
    program = folder / "asking"
    subprocess.run(["cc", "-O2", "-o", program, _SOURCE], check=True)
    return program


class Client:
    """Sends requests to one port of this machine; `seconds` and deadlines are wall time."""

    def __init__(self, program: Path, port: int, requests: Path) -> None:
        self._program = program
        self._port = port
        self._requests = requests

    def closed(self, clients: int, seconds: float, seed: int = 1) -> Answers:
        """`clients` at once, each asking again when it has its answer."""
        return self._run("closed", str(clients), str(seconds), str(seed))

    def open(self, arrivals: Sequence[tuple[int, int]], patience: float) -> Answers:
        """A request at each of `arrivals`, given up `patience` seconds later."""
        schedule = self._schedule(arrivals)
        return self._run("open", str(_CONNECTIONS), str(patience), schedule, str(_READY))

    def fixed(
        self, arrivals: Sequence[tuple[int, int]], patience: float, connections: int = _READY
    ) -> Answers:
        """The same over connections that are never more, a request at a time on each.

        A request that finds none free waits in the client, and its time counts from when it was
        due; a service does not see it meanwhile.
        """
        return self._run("fixed", str(connections), str(patience), self._schedule(arrivals))

    def _schedule(self, arrivals: Sequence[tuple[int, int]]) -> str:
        file = self._requests.with_suffix(".schedule")
        file.write_text("".join(f"{at} {index}\n" for at, index in arrivals))
        return str(file)

    def _run(self, *arguments: str) -> Answers:
        mode, *rest = arguments
        command = [str(self._program), str(self._port), str(self._requests), mode, *rest]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        first, _, lines = done.stdout.partition(b"\n")
        table = np.array(lines.split(), dtype=np.int64).reshape(-1, 4)  # (requests, 4)
        request, due, end, status = table.T
        return Answers(request, due / 1e6, (end - due) / 1e6, status, int(first.split()[1]) / 1e6)
