"""Finds captions with the torch network, for validation while training; knows ids, not words.

What a published model says is found by the service's own search on its own graphs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from app.training.caption.features import Features
from app.training.caption.network import Captioner
from app.training.caption.words import BOS, EOS


@dataclass(frozen=True)
class SearchOptions:
    """The beam search of the decoder."""

    beam_width: int = 3  # captions that are followed at a time; 1 is greedy
    max_length: int = 24  # words of a caption, at most
    # a caption's score is its log-probability over (words and end) ** this
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

    Of the best 2 * `beam_width` continuations of an image's rows, an end among the first
    `beam_width` is an ended caption, and the best that are no ends are the next rows. An image is
    done with `beam_width` ended captions; at `max_length` open rows count as ended. So a width of
    1 is greedy.
    """
    width, batch = options.beam_width, len(pooled)
    context, state = network.begin(pooled, cells)
    rows = torch.arange(batch).repeat_interleave(width)
    context, state = context.rows(rows), tuple(s[rows] for s in state)
    tokens = torch.full((batch * width,), BOS)
    said = torch.empty((batch * width, 0), dtype=torch.long)
    totals = torch.full((batch, width), -torch.inf)
    totals[:, 0] = 0.0  # all rows are the same before the first word
    ended: list[list[tuple[float, list[int]]]] = [[] for _ in range(batch)]
    for length in range(1, options.max_length + 1):
        state, logs, _ = network.next_words(context, state, tokens)
        size = logs.shape[1]
        scores = totals[:, :, None] + logs.view(batch, width, size)
        tops, places = scores.view(batch, -1).topk(2 * width, dim=1)  # (batch, 2 * width)
        words, parents = places % size, places // size
        open_rows = []
        for image, captions in enumerate(ended):
            ends = (words[image] == EOS).tolist()
            for rank in range(width):
                if ends[rank] and len(captions) < width:
                    score = float(tops[image, rank]) / length**options.length_penalty
                    row = image * width + int(parents[image, rank])
                    captions.append((score, said[row].tolist()))
            open_rows.append([rank for rank, end in enumerate(ends) if not end][:width])
        if all(len(captions) == width for captions in ended):
            break
        kept = torch.tensor(open_rows)  # (batch, width)
        totals = tops.gather(1, kept)
        tokens = words.gather(1, kept).view(-1)
        rows = (torch.arange(batch)[:, None] * width + parents.gather(1, kept)).view(-1)
        said = torch.cat([said[rows], tokens[:, None]], dim=1)
        state = tuple(s[rows] for s in state)
    for image, captions in enumerate(ended):
        for row in range(width if len(captions) < width else 0):
            score = float(totals[image, row]) / options.max_length**options.length_penalty
            captions.append((score, said[image * width + row].tolist()))
    return [max(captions)[1] for captions in ended]
