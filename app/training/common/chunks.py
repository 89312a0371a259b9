"""Knows how cells with a matrix memory run over many steps at once; knows no network.

Over a chunk of steps what all keys recall of each other is one product, in which the decays between
two steps are weights; only the memory goes on from chunk to chunk, one step after the other. Shapes
are (batch, heads, time, units), of numbers a head (batch, heads, time); a memory (batch, heads,
units of the key, units of the value).
"""

from typing import Final

import torch
from torch import Tensor

CHUNK: Final = 16
"""Steps at once: products between them grow with its square, the number of loops falls with it."""


def exponential_gates(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    enter: Tensor,
    kept: Tensor,
    memory: Tensor,
    normaliser: Tensor,
    stabiliser: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One chunk of the mLSTM: what is found, and memory, normaliser, stabiliser behind it.

    Beck et al. 2024 (arXiv 2405.04517), appendix A.3, with a memory from before. enter: logarithms
    of the input gates, kept: of the forget gates. Step t weighs what came at step s by
    exp(sum of `kept` after s up to t + enter[s] - stabiliser[t]).
    """
    total = kept.cumsum(2)  # from before the chunk
    most = torch.cummax(enter - total, dim=2).values
    stable = total + torch.maximum(stabiliser[..., None], most)  # (batch, heads, time)
    old = torch.exp(total + stabiliser[..., None] - stable)[..., None]
    between = (total - stable)[..., None] + (enter - total)[..., None, :]
    steps = torch.ones(between.shape[-2:], dtype=torch.bool, device=key.device).tril()
    weights = torch.exp(between.masked_fill(~steps, -torch.inf))  # (..., time, time of the key)
    scores = query @ key.mT * weights
    found = scores @ value + old * (query @ memory)
    weight = scores.sum(-1, keepdim=True) + old * (query @ normaliser[..., None])
    found = found / torch.maximum(weight.abs(), torch.exp(-stable)[..., None])
    last = weights[..., -1, :, None] * key  # what the last step keeps of each
    memory = old[:, :, -1:] * memory + last.mT @ value
    return found, memory, old[:, :, -1] * normaliser + last.sum(2), stable[..., -1]


def delta_rule(
    query: Tensor, key: Tensor, value: Tensor, kept: Tensor, strength: Tensor, memory: Tensor
) -> tuple[Tensor, Tensor]:
    """One chunk of the gated delta rule: what is found, and the memory behind it.

    Yang et al. 2024 (arXiv 2412.06464), section 3.3. kept: logarithms of the decays. The change
    that step t makes, b (v - what its key recalls), depends on the changes before it in the chunk:
    a triangular system.
    """
    total = kept.cumsum(2)
    steps = torch.ones((kept.shape[2],) * 2, dtype=torch.bool, device=key.device).tril()
    between = (total[..., None] - total[..., None, :]).masked_fill(~steps, -torch.inf)
    weights = torch.exp(between)  # (batch, heads, time, time of the change)
    old = torch.exp(total)[..., None]
    strength = strength[..., None]
    recalled = (strength * (key @ key.mT * weights)).tril(-1)
    # the diagonal is not read, and counts as one
    change = torch.linalg.solve_triangular(
        recalled, strength * (value - old * (key @ memory)), upper=False, unitriangular=True
    )
    found = query @ key.mT * weights @ change + old * (query @ memory)
    last = weights[..., -1, :, None] * key
    return found, old[:, :, -1:] * memory + last.mT @ change
