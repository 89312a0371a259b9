import pytest
import torch

from app.training.common.classic_cells import Lstm
from app.training.common.precision import has_bfloat16, mixed_precision


def test_an_lstm_learns_in_it_on_every_cpu() -> None:
    cell = Lstm(3, 4)
    with mixed_precision():
        outputs, _ = cell(torch.ones(5, 2, 3))
    outputs.float().sum().backward()
    for weights in (cell.weight_ih, cell.weight_hh):
        assert weights.grad is not None
        assert bool(weights.grad.any())


@pytest.mark.parametrize("able", [True, False])
def test_it_is_float32_if_the_kernel_refuses(able: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def kernel(*_: object) -> None:
        if not able:
            raise RuntimeError("could not create a primitive descriptor")

    monkeypatch.setattr(torch, "lstm", kernel)
    has_bfloat16.cache_clear()
    one = torch.ones(1, 1)
    try:
        for enabled in (True, False):
            with mixed_precision(enabled):
                product = one @ one
            assert product.dtype == (torch.bfloat16 if enabled and able else torch.float32)
    finally:
        has_bfloat16.cache_clear()
