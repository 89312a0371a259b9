"""Products in bfloat16 where this CPU has them. Knows torch and the CPU; knows no network."""

from functools import cache

import torch


def mixed_precision(enabled: bool = True) -> torch.autocast:
    """A context in which torch multiplies in bfloat16, or in float32 if the CPU cannot."""
    return torch.autocast("cpu", torch.bfloat16, enabled=enabled and has_bfloat16())


@cache
def has_bfloat16() -> bool:
    """Whether torch runs an LSTM in bfloat16 here; without AVX-512 its kernel raises.

    It is tried, as torch has no public name that tells.
    """
    size, gates = 2, 8
    inputs = torch.zeros(1, 1, size)  # (time, batch, input)
    state = [torch.zeros(1, 1, size), torch.zeros(1, 1, size)]
    weights = [torch.zeros(gates, size), torch.zeros(gates, size)]
    weights += [torch.zeros(gates), torch.zeros(gates)]
    try:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            torch.lstm(inputs, state, weights, True, 1, 0.0, False, False, False)
    except RuntimeError:
        return False
    return True
