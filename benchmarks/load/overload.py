"""What is answered in time when more is asked than can be, and how soon it is quiet again.

Knows one running service and a client: Poisson arrivals, latency from the moment a request was due.
The requests carry their deadline; who goes on asking after it gives up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.load.client import Answers, Client
from benchmarks.load.corpus import arrivals

HEADINGS: Final = (  # of Overload.cells
    "in time / capacity",
    "refused, share",
    "late or lost, share",
    "refusal p99 ms",
    "longest gap s",
    "recovery s",
)
QUIET: Final = 0.1  # share of capacity that is asked before and after
PATIENCE: Final = 4.0  # deadlines after which a client hangs up
_WINDOW: Final = 0.25  # seconds


@dataclass(frozen=True)
class Overload:
    """goodput: answered in time, over capacity; gap: the longest time without any answer;
    recovery: seconds until latency is as before. late: everything else that was asked.
    """

    goodput: float
    refusal_p99_seconds: float
    recovery_seconds: float
    gap_seconds: float
    asked: int
    refused: int
    late: int

    def cells(self) -> tuple[float, ...]:
        """A line of a table."""
        asked = max(1, self.asked)
        shares = self.goodput, self.refused / asked, self.late / asked
        return *shares, 1000 * self.refusal_p99_seconds, self.gap_seconds, self.recovery_seconds


def overload(
    client: Client,
    capacity: float,
    deadline: float,
    requests: int,
    *,
    seconds: float = 15.0,
    quiet: float = 5.0,
    factor: float = 2.0,
    fixed: bool = False,
) -> Overload:
    """Ask little, then `factor` times the capacity for `seconds`, then little again.

    `fixed`: over a fixed set of connections; else more are opened where all are taken.
    """
    plan = [(QUIET, quiet), (factor, seconds), (QUIET, quiet)]
    schedule: list[tuple[int, int]] = []
    offset = 0.0
    for seed, (share, length) in enumerate(plan):
        part = arrivals(capacity * share, length, requests, seed)
        schedule += [(at + int(offset * 1e6), index) for at, index in part]
        offset += length
    ask = client.fixed if fixed else client.open
    answers = ask(schedule, PATIENCE * deadline)
    end = quiet + seconds
    during = answers.between(quiet, end)
    before = answers.between(quiet / 2, quiet)
    return Overload(
        goodput=during.in_time(deadline) / (capacity * seconds),
        refusal_p99_seconds=during.percentile(99, status=429),
        recovery_seconds=recovery(answers, end, offset, before.percentile(95)),
        gap_seconds=answers.longest_gap(quiet, end),
        asked=len(during.due),
        refused=len(during.of(429)),
        late=len(during.due) - during.in_time(deadline) - len(during.of(429)),
    )


def recovery(answers: Answers, end: float, until: float, usual: float) -> float:
    """Seconds after `end` from which on requests are answered as before.

    Windows are looked at backwards: one counts as usual if all of its requests were answered and
    the median took no longer than twice the `usual` 95th percentile (and a millisecond).
    """
    for start in np.arange(until - _WINDOW, end - _WINDOW / 2, -_WINDOW):
        window = answers.between(float(start), float(start) + _WINDOW)
        if not len(window.due):
            continue
        fine = (window.status == 200).all() and window.percentile(50) <= 2 * usual + 0.001
        if not fine:
            return float(start) + _WINDOW - end
    return 0.0


def latency_curve(
    client: Client, rates: Sequence[float], requests: int, seconds: float, patience: float
) -> list[tuple[float, float, float]]:
    """(requests a second offered, median, 99th percentile of all that were asked) of each rate.

    What is not answered with 200 counts as having taken for ever (infinity).
    """
    curve = []
    for rate in rates:
        answers = client.open(arrivals(rate, seconds, requests), patience)
        kept = answers.between(seconds * 0.2, seconds)
        took = np.where(kept.status == 200, kept.seconds, np.inf)
        low, high = np.percentile(took, [50, 99], method="higher")
        curve.append((rate, float(low), float(high)))
    return curve
