"""Who shares a batch. Knows lengths and groups; neither the queue nor what an example holds."""

from collections.abc import Sequence
from typing import Any

from app.serving.entry import Entry


def batch_of(window: Sequence[Entry[Any, Any]], max_size: int, max_steps: int) -> set[int]:
    """Which of the waiting entries, the oldest first, make the next batch, by their places.

    The oldest, and those of its group that are nearest to it in length: `max_size` at most, and no
    more than have `max_steps` steps in all, padding included. The oldest goes whatever its length.
    """
    order = [i for i, entry in enumerate(window) if entry.group == window[0].group]
    if len(order) > max_size:
        # A stable sort: the oldest stays first, and of equally near ones the older go first.
        order.sort(key=lambda i: (i > 0, abs(window[i].length - window[0].length)))
    chosen: set[int] = set()
    longest = 0
    for index in order[:max_size]:
        steps = max(longest, window[index].length)
        if not chosen or steps * (len(chosen) + 1) <= max_steps:
            longest = steps
            chosen.add(index)
    return chosen
