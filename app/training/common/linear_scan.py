"""Knows how a state runs over time that is scaled and added to; knows no cell's equations."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def linear_scan(kept: Tensor, added: Tensor, first: Tensor) -> Tensor:
    """h[t] = kept[t] * h[t-1] + added[t], from h[-1] = `first`: all h, (time, batch, size).

    `kept` and `added` are (time, batch, size), `first` (batch, size). Each step is one operation,
    and so is each step back: the gradient runs by the same equation from the end (Martin and Cundy
    2018, "Parallelizing Linear Recurrent Neural Nets Over Sequence Length", section 2.2). A scan
    over logarithms in parallel does more work in all and is slower on a CPU. There is no second
    derivative.
    """
    found: Tensor = _LinearScan.apply(kept, added, first)  # type: ignore[no-untyped-call]
    return found


class _LinearScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kept: Tensor, added: Tensor, first: Tensor) -> Tensor:
        states = torch.empty_like(added)
        state = first
        for factor, new, to in zip(kept.unbind(0), added.unbind(0), states.unbind(0), strict=True):
            state = torch.addcmul(new, factor, state, out=to)
        ctx.save_for_backward(kept, states, first)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        kept, states, first = ctx.saved_tensors
        at_sum = torch.empty_like(states)  # by added[t]: what h[t] does now and later
        coming: Tensor | None = None
        for time in range(len(kept) - 1, -1, -1):
            to = at_sum[time]
            if coming is None:
                to.copy_(gradient[time])
            else:
                torch.addcmul(gradient[time], kept[time + 1], coming, out=to)
            coming = to
        before = torch.cat([first[None], states[:-1]])
        return at_sum * before, at_sum, kept[0] * at_sum[0]
