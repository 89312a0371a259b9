"""What inputs have cost, by kind and size. Knows seconds; decides where a small one runs."""

from typing import Any, Final

_CHEAP_SECONDS: Final = 200e-6  # about what it costs to wake a thread and be woken by it
_SMOOTHING: Final = 0.05  # weight of a newer one that took longer


class Costs:
    """The time that single inputs of each graph took, by their length up to a factor of two.

    Nothing is guessed: a size that was never computed is not cheap, and so an input runs in a
    thread the first time. The shortest time counts, and is forgotten slowly: one that is longer
    was disturbed, as a rule. So an input holds its thread up for a few times the bound, at worst.
    """

    def __init__(self) -> None:
        self._seconds: dict[tuple[Any, int], float] = {}

    def note(self, example: Any, seconds: float) -> None:
        """An example took so long, alone."""
        key = _key(example)
        old = self._seconds.get(key, seconds)
        self._seconds[key] = min(seconds, old + _SMOOTHING * (seconds - old))

    def is_cheap(self, example: Any) -> bool:
        """Whether it costs less where it is than the way to another thread and back."""
        key = _key(example)
        return key[0] is not None and self._seconds.get(key, _CHEAP_SECONDS) < _CHEAP_SECONDS


def _key(example: Any) -> tuple[Any, int]:
    """The graph that is asked by its tensors, and how much of it is asked.

    The instances of tasks belong to their threads, so their examples are never cheap here.
    """
    return getattr(example, "graph", None), example.length.bit_length()
