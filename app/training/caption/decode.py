"""Says captions with a torch network; knows tensors and ids, not words.

For validation while training: the service runs the same search on its own graphs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from app.tasks.decoding.beam_search import BeamOptions
from app.tasks.decoding.repetition import RepetitionOptions
from app.training.caption.features import Features
from app.training.caption.network import Captioner
from app.training.caption.words import BOS, EOS, PAD, UNK
from app.training.common.search import search


@dataclass(frozen=True)
class SearchOptions:
    """The beam search of the decoder."""

    beam_width: int = 3  # captions that are followed at a time; 1 is greedy
    max_length: int = 24  # words of a caption, at most
    # a caption's score is its log-probability over (words and end) ** this
    length_penalty: float = 0.7
    no_repeat_ngram: int = 3  # words of a phrase that no caption holds twice; 0 allows all


def captions_of(
    network: Captioner,
    features: Features,
    options: SearchOptions,
    joining: frozenset[int] = frozenset(),
    *,
    at_once: int = 200,
) -> list[list[int]]:
    """The best caption of every image as it is, as token ids without begin and end.

    `joining` are the ids of words such as "and", as `RepetitionOptions` has them.
    """
    network.eval()
    found: list[list[int]] = []
    with torch.no_grad():
        for start in range(0, len(features.names), at_once):
            seen = features.plain(start, start + at_once)
            cells = None if seen.cells is None else torch.from_numpy(seen.cells)
            found += beam_search(network, torch.from_numpy(seen.pooled), cells, options, joining)
    return found


def beam_search(
    network: Captioner,
    pooled: Tensor,
    cells: Tensor | None,
    options: SearchOptions,
    joining: frozenset[int] = frozenset(),
) -> list[list[int]]:
    """The best caption of each image, whose features are (batch, channels), as token ids."""
    context, state = network.begin(pooled, cells)

    def step(tokens: Tensor, parents: Tensor) -> Tensor:
        nonlocal context, state
        context, state = context.rows(parents), tuple(each[parents] for each in state)
        state, logs, _ = network.next_words(context, state, tokens)
        return logs

    best = BeamOptions(
        beam_width=options.beam_width,
        max_length=options.max_length,
        length_penalty=options.length_penalty,
        end=EOS,
        never=frozenset((PAD, BOS, UNK)),
        repetition=RepetitionOptions(options.no_repeat_ngram, joining=joining),
    )
    return [list(each.ids) for each in search(step, len(pooled), BOS, best)]
