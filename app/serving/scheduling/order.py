"""In which order requests have their turn. Knows their work in seconds; no clock, no lock.

Weighted fair queueing (Demers, Keshav and Shenker 1989; start tags as in Goyal, Vin and Cheng
1996): a virtual clock runs at the pace at which each waiting request would be served if all of
them were served at once, each in equal parts. A request's first entry is due when it comes, every
further one when those before it would be done. So of two that send one input each the first goes
first, and a request of a thousand inputs shares with whoever comes later instead of being ahead.
"""

from bisect import insort
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any, Generic

from app.serving.scheduling.entry import Entry, P, Turn
from app.serving.task import E

_DUE = attrgetter("due")


class Order(Generic[E, P]):
    """Waiting entries, the next one first.

    Nobody who comes later overtakes the entries of a request with one entry. An entry at place n
    is at the latest in the n-th batch that begins with the first entry of the order.
    """

    def __init__(self) -> None:
        self._entries: list[Entry[E, P]] = []
        self._now = 0.0
        self._requests = 0
        self._heads = 0.0
        self.work = 0.0  # seconds, of all that waits

    def __len__(self) -> int:
        return len(self._entries)

    def first(self, count: int) -> Sequence[Entry[E, P]]:
        """The next entries, `count` at most."""
        return self._entries[:count]

    def ahead_of(self, rows: int) -> float:
        """Seconds of work that would be done before a new request of so many entries is."""
        return min(self.work, rows * self._heads)

    def add(self, entries: Sequence[Entry[E, P]]) -> None:
        """Let the entries of one request wait. Never empty."""
        turn = Turn()
        due = self._now
        for entry in entries:
            entry.turn, entry.due = turn, due
            due += entry.seconds
            if not self._entries or self._entries[-1].due <= entry.due:
                self._entries.append(entry)
            else:
                insort(self._entries, entry, key=_DUE)  # behind those that are due with it
        turn.waiting, turn.work = len(entries), due - self._now
        self._requests += 1
        self.work += turn.work
        self._heads += turn.head

    def take(self, places: Collection[int]) -> list[Entry[E, P]]:
        """Take out the entries at these places; they are served, and the clock goes on."""
        taken = []
        for place in sorted(places, reverse=True):
            taken.append(self._entries.pop(place))
        taken.reverse()
        requests = self._requests
        for entry in taken:
            self._leave(entry)
            self._now += entry.seconds / requests
        if not self._entries:
            self._start_over()
        return taken

    def remove(self, gone: Collection[int]) -> list[Entry[E, P]]:
        """Take out the entries at these places, which nobody serves."""
        places = set(gone)
        removed = [entry for place, entry in enumerate(self._entries) if place in places]
        self._entries = [e for place, e in enumerate(self._entries) if place not in places]
        for entry in removed:
            self._leave(entry)
        if not self._entries:
            self._start_over()
        return removed

    def all(self) -> Sequence[Entry[E, P]]:
        """Everything that waits, the next one first."""
        return self._entries

    def _leave(self, entry: Entry[Any, Any]) -> None:
        turn = entry.turn
        self._heads -= turn.head
        self.work -= entry.seconds
        turn.waiting -= 1
        turn.work -= entry.seconds
        if turn.waiting:
            self._heads += turn.head
        else:
            self._requests -= 1

    def _start_over(self) -> None:
        """Nobody waits: what rounding has left of the sums must not pile up."""
        self._now = self._heads = self.work = 0.0
        self._requests = 0
