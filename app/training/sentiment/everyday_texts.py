"""Makes everyday sentences with labels out of templates; knows rules, not words.

Besides single sentences it makes what must not change a label: a fact beside a judgement, two
judgements alike, the same words said again and again. Templates as in `plain_texts`; the pairs
are the invariance tests of Ribeiro et al. (2020), "Beyond Accuracy: Behavioral Testing of NLP
Models with CheckList", section 2.2, here for training.
"""

import random
import re
from collections.abc import Iterator, Sequence
from typing import Final

from app.training.sentiment.everyday_judged import read_lines
from app.training.sentiment.everyday_more import MORE
from app.training.sentiment.everyday_talk import TALK
from app.training.sentiment.everyday_templates import WORK
from app.training.sentiment.everyday_words import SLOTS
from app.training.sentiment.labels import LABELS, Label
from app.training.sentiment.plain_texts import styled

_SLOT: Final = re.compile(r"\{([^{}]*)\}")
_SHARES: Final[dict[Label, float]] = {"negative": 0.3, "neutral": 0.4, "positive": 0.3}
_MOST_WORDS: Final = 150  # of a sentence that is said again and again
_TIMES: Final = (2, 3, 5, 10, 20, 50, 100)


def everyday_texts(count: int, seed: int = 0) -> Iterator[tuple[str, Label]]:
    """`count` different texts; four in ten are neutral, and each other label has three."""
    rng = random.Random(f"everyday {seed}")
    lines: dict[Label, list[str]] = {label: [] for label in LABELS}
    for line, label in read_lines(WORK + TALK + MORE):
        lines[label].append(line)
    seen: set[str] = set()
    while len(seen) < count:
        (label,) = rng.choices(list(_SHARES), list(_SHARES.values()))
        text = _text(lines, label, rng)
        if text.lower() not in seen:
            seen.add(text.lower())
            yield text, label


def _text(lines: dict[Label, list[str]], label: Label, rng: random.Random) -> str:
    """One sentence, or one of the ways to say more without meaning more."""

    def sentence(kind: Label) -> str:
        return styled(filled(rng.choice(lines[kind]), rng), rng)

    first = sentence(label)
    chance = rng.random()
    if chance < 0.12:
        both = [first, sentence("neutral")]
        rng.shuffle(both)
        return " ".join(map(_ended, both))
    if chance < 0.2:
        return f"{_ended(first)} {sentence(label)}"
    if chance < 0.24:
        most = max(2, _MOST_WORDS // len(first.split()))
        return " ".join([_ended(first)] * min(most, rng.choice(_TIMES)))
    return first


def filled(template: str, rng: random.Random) -> str:
    """`template` with a choice in the place of each pair of braces, the inner ones first."""

    def choose(slot: re.Match[str]) -> str:
        choices: Sequence[str] = SLOTS.get(slot[1]) or slot[1].split("|")
        return rng.choice(choices)

    while (text := _SLOT.sub(choose, template)) != template:
        template = text
    return " ".join(text.replace(" ,", ",").replace(" ?", "?").split())


def _ended(text: str) -> str:
    return text if text[-1] in ".!?" else f"{text}."
