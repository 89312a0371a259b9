"""Which entries share a batch. Knows lengths, groups and costs; not what is computed."""

from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, TypeAlias

# Seconds that a batch takes, by its longest length and its rows; only ratios of them matter.
Cost: TypeAlias = Callable[[int, int], float]


class Row(Protocol):
    """What a batch is made of: an entry of a queue, for instance."""

    @property
    def group(self) -> Hashable: ...

    @property
    def length(self) -> int: ...


def batch_of(window: Sequence[Row], cost: Cost, max_size: int, max_steps: int) -> list[int]:
    """The places in `window`, oldest entry first, of the entries that make the next batch.

    They are the oldest entry and, of its group, those nearest to it in length: as many as make a
    useful step (one that is not padding) the cheapest. At most `max_size` entries, and at most
    `max_steps` steps, padding included; the oldest entry is in the batch whatever its length.
    """
    head = window[0]
    group, length = head.group, head.length
    order = [place for place, entry in enumerate(window) if entry.group == group]
    if len(order) == 1:
        return order
    # A stable sort: the oldest stays first, and of equally near entries the older come first.
    order.sort(key=lambda place: (place > 0, abs(window[place].length - length)))
    chosen = [0]
    longest = useful = length
    count, least = 1, cost(length, 1) / max(useful, 1)
    for place in order[1:]:
        rows, steps = len(chosen) + 1, window[place].length
        if rows > max_size:
            break
        padded = max(longest, steps)
        if padded * rows > max_steps:
            continue
        longest = padded
        useful += steps
        chosen.append(place)
        # No early end: with some kernels two rows take twice as long as one, but eight rows less
        # than eight times as long.
        if (each := cost(longest, rows) / max(useful, 1)) <= least:
            count, least = rows, each
    return chosen[:count]
