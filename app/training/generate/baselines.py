"""Character models without a network: what one must beat. Knows characters and counts only."""

import math
from collections import Counter, defaultdict

_ALPHABET_MASS = 1.0


def frequencies(train: str, val: str) -> float:
    """Nats a character of `val`, each by its share in `train`, add-one smoothed."""
    counts = Counter(train)
    size = len(set(train) | set(val))
    total = len(train) + _ALPHABET_MASS * size
    return -sum(math.log((counts[each] + _ALPHABET_MASS) / total) for each in val) / len(val)


def ngrams(train: str, val: str, order: int = 6) -> float:
    """Nats a character of `val`, each after up to `order` - 1 characters before it.

    Witten-Bell smoothing: the shorter context counts as much as there were different characters
    after the longer one (Chen and Goodman 1999, "An empirical study of smoothing techniques for
    language modeling", section 2.6). `val` follows `train` without a gap.
    """
    after: list[defaultdict[str, Counter[str]]] = [defaultdict(Counter) for _ in range(order)]
    for place, character in enumerate(train):
        for length in range(min(order, place + 1)):
            after[length][train[place - length : place]][character] += 1
    uniform = 1.0 / len(set(train) | set(val))
    text = train[-order:] + val
    begin = len(text) - len(val)
    loss = 0.0
    for place in range(begin, len(text)):
        probability = uniform
        for length in range(order):
            seen = after[length].get(text[place - length : place])
            if seen is None:
                break
            total, kinds = seen.total(), len(seen)
            probability = (seen[text[place]] + kinds * probability) / (total + kinds)
        loss -= math.log(probability)
    return loss / len(val)
