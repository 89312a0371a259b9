"""Fits AutoETS in a process of its own, so that a slow fit holds nobody. Knows no request.

The package takes seconds to import and a quarter of a gigabyte, and a fit cannot be interrupted:
the process starts with the first fit that is asked for, is killed where a fit lasts too long, and
ends by itself once nothing has been asked for a while.

The process reads a line of JSON for each fit, and writes one.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.tasks.forecast.autoets import autoets
from app.tasks.forecast.backtest import Guess, looked_at

_IDLE_SECONDS: Final = 60.0
_NICER: Final = 10  # than the service, whose forecasts go first
_ROOT: Final = str(Path(__file__).parents[3])  # where `app` is found
_BEGIN: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from app.tasks.forecast.fitting import serve; serve()"
)


@dataclass(frozen=True)
class Fit:
    """A series up to an origin: `known` (time,), None or NaN = missing, and how far ahead."""

    known: Sequence[float | None] | NDArray[np.float64]
    season_length: int
    horizon: int


class Fitter:
    """Fits one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # of the one who talks to the process
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    def fit_all(
        self, fits: Sequence[Fit], until: float, check: Callable[[], None], done: list[Guess | None]
    ) -> None:
        """Add to `done` a forecast for each of `fits`, in order, until the time is over.

        None stands for one that cannot be fitted. until: a `time.monotonic()` value. check is
        called before each fit, and what it raises ends the work.
        """
        for fit in fits:
            check()
            with self._lock:
                process = self._ready()
                left = until - time.monotonic()
                if process is None or left <= 0.0:
                    return
                given, answer = self._answer(process, fit, left)
            if not given:
                return
            done.append(answer)

    def close(self) -> None:
        """End the process and start none again."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()  # whoever waits for it gets an end
        with self._lock:
            self._end()

    def _ready(self) -> "subprocess.Popen[str] | None":
        """The process, which has imported what it needs; None if it cannot be had."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        if self._closed:
            return None
        command = [sys.executable, "-c", _BEGIN, _ROOT]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
        )
        self._process = process
        assert process.stdout is not None
        if self._closed or not process.stdout.readline():  # it says that it is ready
            self._end()
        return self._process

    def _answer(
        self, process: "subprocess.Popen[str]", fit: Fit, seconds: float
    ) -> tuple[bool, Guess | None]:
        """(whether there was an answer in time, the forecast if there is one)."""
        assert process.stdin is not None
        assert process.stdout is not None
        clock = threading.Timer(seconds, process.kill)
        clock.start()
        try:
            question = [looked_at(fit.known).tolist(), fit.season_length, fit.horizon]
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:  # it has ended meanwhile
            line = ""
        finally:
            clock.cancel()
        if not line:
            self._end()
            return False, None
        answer = json.loads(line)
        return True, None if answer is None else Guess(np.array(answer[0]), np.array(answer[1]))

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with process:  # closes its pipes and waits for its end
                pass


def serve() -> None:
    """Answer lines of standard input until it ends, or nothing comes for a while."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # nothing else goes between the answers
    os.nice(_NICER)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends this
    autoets(np.arange(20.0), 1, 1)  # imports
    print("ready", file=answers, flush=True)
    while select.select([sys.stdin], [], [], _IDLE_SECONDS)[0]:
        line = sys.stdin.readline()
        if not line:
            return
        print(json.dumps(_answered(*json.loads(line))), file=answers, flush=True)


def _answered(known: list[float], season_length: int, horizon: int) -> Any:
    try:
        guess = autoets(np.array(known), season_length, horizon)
    except ValueError:
        return None
    return [guess.point.tolist(), guess.deviation.tolist()]
