"""Cells on sentences whose words are known and whose order counts. Knows the made texts."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.recurrent import Recurrent
from app.training.sentiment.labels import LABELS
from app.training.sentiment.plain_texts import plain_texts
from app.training.study.finding import Finding, Report, Rows
from app.training.study.reader import made, taught

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS: Final = 500  # of training, for each network
TEXTS: Final = 8000
_HELD, _SIZE, _ROWS, _RATE = 2000, 32, 64, 4e-3
_WORD: Final = re.compile(r"[\w']+|[^\w\s]")
_NEGATION: Final = re.compile(r"n't\b|\b(?:not|never|no|nothing|hardly)\b", re.IGNORECASE)
BAG: Final = "bag of words"
NETWORKS: Final = {
    BAG: ("", False),
    "rnn": ("rnn", False),
    "gru": ("gru", False),
    "lstm": ("lstm", False),
    "lstm, both ways": ("lstm", True),
    "mingru": ("mingru", False),
}
"""By name: the cell, and whether it reads from both ends."""


class Classifier(nn.Module):
    """Words to three labels, by the last state of a cell, or by the mean of the words alone."""

    def __init__(self, words: int, cell: str, *, bidirectional: bool = False) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, _SIZE)
        self.stack = Recurrent(cell, _SIZE, _SIZE, bidirectional=bidirectional) if cell else None
        size = _SIZE if self.stack is None else self.stack.output_size
        self.head = nn.Linear(size, len(LABELS))

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """ids (time, batch), lengths (batch,) to logits (batch, labels)."""
        words = self.embedding(ids)
        if self.stack is None:
            inside = torch.arange(len(ids))[:, None] < lengths
            summary = (words * inside[:, :, None]).sum(0) / lengths[:, None]
        else:
            _, state = self.stack(words, lengths)
            summary = state[0].transpose(0, 1).flatten(1)  # (batch, directions * size)
        logits: Tensor = self.head(summary)
        return logits


@dataclass(frozen=True)
class Texts:
    """ids: (time, texts), padded with 0. negated: whether a text has a word of negation."""

    ids: Tensor
    lengths: Tensor
    labels: Tensor
    negated: Tensor

    def some(self, index: Tensor) -> "Texts":
        """Some of them, no longer than the longest."""
        lengths = self.lengths[index]
        ids = self.ids[: int(lengths.max()), index]
        return Texts(ids, lengths, self.labels[index], self.negated[index])


def made_texts(count: int = TEXTS) -> tuple[Texts, int]:
    """Sentences out of templates, and the number of different words; see `plain_texts`."""
    known: dict[str, int] = {}
    rows, labels, negated = [], [], []
    for text, label in plain_texts("train", count):
        rows.append([known.setdefault(w, len(known) + 1) for w in _WORD.findall(text.lower())])
        labels.append(LABELS.index(label))
        negated.append(_NEGATION.search(text) is not None)
    ids = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    return Texts(ids, lengths, torch.tensor(labels), torch.tensor(negated)), len(known) + 1


def learned(name: str, texts: Texts, words: int) -> Classifier:
    """One network, taught on `texts`."""
    cell, both = NETWORKS[name]
    network = made(lambda: Classifier(words, cell, bidirectional=both), 0)

    def batch(rng: np.random.Generator) -> Texts:
        return texts.some(torch.from_numpy(rng.integers(0, len(texts.labels), _ROWS)))

    def loss(module: nn.Module, drawn: Texts) -> Tensor:
        return functional.cross_entropy(module(drawn.ids, drawn.lengths), drawn.labels)

    taught(network, batch, loss, steps=STEPS, rate=_RATE)
    return network


def sentiment(report: Report) -> Finding:
    """Each network on sentences that it was not taught, with and without negation."""
    texts, words = made_texts()
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(texts.labels)))
    held, known = texts.some(order[:_HELD]), texts.some(order[_HELD:])
    negated = held.negated
    rows, shares = [], {}
    for name in NETWORKS:
        report(name)
        network = learned(name, known, words)
        with torch.no_grad():
            right = (network(held.ids, held.lengths).argmax(1) == held.labels).double()
        shares[name] = [float(each.mean()) for each in (right, right[negated], right[~negated])]
        weights = sum(each.numel() for each in network.parameters())
        rows.append([name, f"{weights:,}", *(f"{100 * each:.1f} %" for each in shares[name])])
    table = Rows(
        f"Share of right labels of {_HELD:,} held-out sentences, {int(negated.sum()):,} of them "
        "with a negation; three labels:",
        ("network", "weights", "all", "with negation", "without"),
        rows,
    )
    return Finding(
        "Sentences and their order", _TEXT, [table], lambda figure: _draw(figure, shares)
    )


def _draw(figure: "Figure", shares: dict[str, list[float]]) -> None:
    axes = figure.subplots()
    places = np.arange(len(shares))
    for at, (name, shift) in enumerate((("with negation", -0.2), ("without", 0.2)), start=1):
        axes.bar(places + shift, [100 * each[at] for each in shares.values()], 0.4, label=name)
    axes.set_xticks(places, list(shares))
    axes.set_ylabel("right labels, %")
    axes.set_ylim(bottom=50)
    axes.legend(loc="lower right")


_TEXT = """
The sentences come out of templates: praise, blame, and facts that are neither; each held-out one is
different from all that were taught, and made of the same words. A bag of words adds up what each
word says and cannot see what a "not" stands before; cells read words in their order. Gates help
more than the reading itself: a plain rnn is hardly ahead of the bag. Sentences with a negation stay
the harder ones for all. The classifier that is served is `unroll train sentiment --cell`, its table
of cells on real tweets and reviews stands in docs/benchmarks.md.
"""
