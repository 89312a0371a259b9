"""Finds captions with the torch network, for validation while training; knows ids, not words.

What a published model says is found by the service's own search on its own graphs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from app.training.caption_features import Features
from app.training.caption_network import Captioner
from app.training.caption_words import BOS, EOS


@dataclass(frozen=True)
class SearchOptions:
    """`beam_width` 1 is greedy; `max_length` in words; a caption's score is its log-probability
    over (words and end) ** `length_penalty`."""

    beam_width: int = 3
    max_length: int = 24
    length_penalty: float = 0.7


def captions_of(
    network: Captioner, features: Features, options: SearchOptions, *, at_once: int = 200
) -> list[list[int]]:
    """The best caption of every image as it is, as token ids without begin and end."""
    network.eval()
    found: list[list[int]] = []
    with torch.no_grad():
        for start in range(0, len(features.names), at_once):
            seen = features.plain(start, start + at_once)
            cells = None if seen.cells is None else torch.from_numpy(seen.cells)
            found += beam_search(network, torch.from_numpy(seen.pooled), cells, options)
    return found


def beam_search(
    network: Captioner, pooled: Tensor, cells: Tensor | None, options: SearchOptions
) -> list[list[int]]:
    """All images (batch, channels) side by side; every image keeps `beam_width` open rows.

    A row ends when it says the end, or at `max_length`, whose rows count as ended; the best ended
    one wins. The search goes on to the last step, so that no order of events matters.
    """
    width, batch = options.beam_width, len(pooled)
    context, state = network.begin(pooled, cells)
    rows = torch.arange(batch).repeat_interleave(width)
    context, state = context.rows(rows), tuple(s[rows] for s in state)
    tokens = torch.full((batch * width,), BOS)
    said = torch.empty((batch * width, 0), dtype=torch.long)
    totals = torch.full((batch, width), -torch.inf)
    totals[:, 0] = 0.0  # all rows are the same before the first word
    best = [(-torch.inf, list[int]())] * batch
    first = torch.arange(batch)[:, None] * width
    for length in range(1, options.max_length + 2):
        state, logs, _ = network.next_words(context, state, tokens)
        size = logs.shape[1]
        scores = totals[:, :, None] + logs.view(batch, width, size)
        ended = scores[:, :, EOS] / length**options.length_penalty  # (batch, width)
        _keep(best, ended, said.view(batch, width, -1))
        if length > options.max_length:
            break
        scores[:, :, EOS] = -torch.inf
        totals, places = scores.view(batch, -1).topk(width, dim=1)
        rows = (first + places // size).reshape(-1)
        tokens = (places % size).reshape(-1)
        said = torch.cat([said[rows], tokens[:, None]], dim=1)
        state = tuple(s[rows] for s in state)
        hopeless = totals[:, 0] / (options.max_length + 1) ** options.length_penalty
        if all(h < b[0] for h, b in zip(hopeless.tolist(), best, strict=True)):
            break
    return [ids for _, ids in best]


def _keep(best: list[tuple[float, list[int]]], ended: Tensor, said: Tensor) -> None:
    tops, rows = ended.max(dim=1)
    for image, (top, row) in enumerate(zip(tops.tolist(), rows.tolist(), strict=True)):
        if top > best[image][0]:
            best[image] = (top, said[image, row].tolist())
