"""In which order queued requests are computed. Knows their work in seconds; no clock, no lock.

Start-time fair queueing (Goyal, Vin and Cheng 1996), a form of weighted fair queueing (Demers,
Keshav and Shenker 1989). A virtual clock advances as if all queued requests were computed at the
same time, each with an equal share of the workers. The start tag of a request's first entry is
the virtual time of its arrival, that of every further entry the virtual time at which the entries
before it would be done. Entries are taken in the order of their tags. So of two requests with one
entry each the first is first, and a request of a thousand entries shares the workers with
requests that arrive later.
"""

from bisect import insort
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any, Generic

from app.serving.scheduling.entry import Entry, P, QueuedRequest
from app.serving.task import E

_START_TAG = attrgetter("start_tag")


class FairQueue(Generic[E, P]):
    """Queued entries, the next one first.

    A request with one entry is not overtaken by requests that arrive later. An entry at place n
    is at the latest in the n-th batch that begins with the first entry of the queue.
    """

    def __init__(self) -> None:
        self._entries: list[Entry[E, P]] = []
        self._virtual_time = 0.0
        self._requests = 0
        self._one_of_each = 0.0  # seconds, of one entry of each request
        self.work = 0.0  # seconds, of all entries

    def __len__(self) -> int:
        return len(self._entries)

    def first(self, count: int) -> Sequence[Entry[E, P]]:
        """The next entries, `count` at most."""
        return self._entries[:count]

    def ahead_of(self, rows: int) -> float:
        """Seconds of work that would be done before a new request of so many entries is."""
        return min(self.work, rows * self._one_of_each)

    def add(self, entries: Sequence[Entry[E, P]]) -> None:
        """Queue the entries of one request. Never empty."""
        request = QueuedRequest()
        tag = self._virtual_time
        for entry in entries:
            entry.request, entry.start_tag = request, tag
            tag += entry.seconds
            if not self._entries or self._entries[-1].start_tag <= entry.start_tag:
                self._entries.append(entry)
            else:
                insort(self._entries, entry, key=_START_TAG)  # behind entries with the same tag
        request.waiting, request.work = len(entries), tag - self._virtual_time
        self._requests += 1
        self.work += request.work
        self._one_of_each += request.entry_work

    def take(self, places: Collection[int]) -> list[Entry[E, P]]:
        """Remove the entries at these places to compute them; the virtual clock advances."""
        taken = []
        for place in sorted(places, reverse=True):
            taken.append(self._entries.pop(place))
        taken.reverse()
        requests = self._requests
        for entry in taken:
            self._leave(entry)
            self._virtual_time += entry.seconds / requests
        if not self._entries:
            self._reset()
        return taken

    def remove(self, places: Collection[int]) -> list[Entry[E, P]]:
        """Remove the entries at these places, which will not be computed."""
        places = set(places)
        removed = [entry for place, entry in enumerate(self._entries) if place in places]
        self._entries = [e for place, e in enumerate(self._entries) if place not in places]
        for entry in removed:
            self._leave(entry)
        if not self._entries:
            self._reset()
        return removed

    def all(self) -> Sequence[Entry[E, P]]:
        """All entries, the next one first."""
        return self._entries

    def _leave(self, entry: Entry[Any, Any]) -> None:
        request = entry.request
        self._one_of_each -= request.entry_work
        self.work -= entry.seconds
        request.waiting -= 1
        request.work -= entry.seconds
        if request.waiting:
            self._one_of_each += request.entry_work
        else:
            self._requests -= 1

    def _reset(self) -> None:
        """The queue is empty: rounding errors in the sums must not add up."""
        self._virtual_time = self._one_of_each = self.work = 0.0
        self._requests = 0
