"""Networks in PyTorch that hide their state, and the states that can be found in them."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.training.importing.streaming.networks import FEATURES, HIDDEN, Network, lstm


def conv(size: int, dilation: int, padding: int = 0, inputs: int = FEATURES) -> nn.Conv1d:
    return nn.Conv1d(inputs, FEATURES, size, dilation=dilation, padding=padding)


def packed(net: Any, x: torch.Tensor, lengths: torch.Tensor) -> Any:
    steps, (hidden, _) = net.rnn(pack_padded_sequence(x, lengths, batch_first=True))
    steps, _ = pad_packed_sequence(steps, batch_first=True, total_length=x.shape[1])
    return hidden[-1], steps


def turned(x: torch.Tensor) -> torch.Tensor:
    """(batch, time, channels) and (batch, channels, time), both ways."""
    return x.transpose(1, 2)


def through(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """A convolution over (batch, time, channels)."""
    return turned(layer(turned(x)))


def padded(layer: nn.Module, x: torch.Tensor, width: int) -> torch.Tensor:
    """The same with `width` steps in front."""
    return turned(layer(functional.pad(turned(x), (width, 0))))


torch.manual_seed(3)
BODIES: dict[str, tuple[nn.Module, set[str]]] = {
    "every step": (Network(lambda net, x: net.rnn(x)[0], rnn=lstm()), {"h_1", "c_1"}),
    "last step": (
        Network(
            lambda net, x: net.out(net.rnn(x)[0][:, -1]),
            rnn=lstm(num_layers=2),
            out=nn.Linear(HIDDEN, 2),
        ),
        {"h_1", "c_1", "h_2", "c_2"},
    ),
    "last step as a slice": (
        Network(lambda net, x: net.rnn(x)[0][:, -1:], rnn=lstm()),
        {"h_1", "c_1"},
    ),
    "last state": (
        Network(lambda net, x: net.rnn(x)[1][0][-1], rnn=lstm(num_layers=2)),
        {"h_1", "c_1", "h_2", "c_2"},
    ),
    "gru, time first": (
        Network(
            lambda net, x: net.rnn(x.transpose(0, 1))[0].transpose(0, 1), rnn=nn.GRU(FEATURES, 8)
        ),
        {"h_1"},
    ),
    "rnn": (
        Network(lambda net, x: net.rnn(x)[0], rnn=nn.RNN(FEATURES, HIDDEN, batch_first=True)),
        {"h_1"},
    ),
    "learned first state": (
        Network(
            lambda net, x: net.rnn(x, net.first.expand(1, x.shape[0], HIDDEN).contiguous())[0],
            rnn=nn.GRU(FEATURES, HIDDEN, batch_first=True),
            first=torch.arange(8.0).reshape(1, 1, 8) / 8,
        ),
        {"h_1"},
    ),
    "normalised features": (
        Network(
            lambda net, x: through(net.batch, net.layer(net.rnn(x)[0])),
            rnn=lstm(),
            layer=nn.LayerNorm(HIDDEN),
            batch=nn.BatchNorm1d(HIDDEN),
        ),
        {"h_1", "c_1"},
    ),
    "largest so far": (
        Network(lambda net, x: net.rnn(x)[0].amax(1), rnn=lstm()),
        {"h_1", "c_1", "max_1"},
    ),
    "smallest so far": (
        Network(lambda net, x: net.rnn(x)[0].amin(1, keepdim=True), rnn=lstm()),
        {"h_1", "c_1", "min_1"},
    ),
    "mean so far": (
        Network(
            lambda net, x: (
                net.rnn(x)[0].cumsum(1) / torch.ones_like(x[:, :, :1]).cumsum(1)  # of steps so far
            ),
            rnn=lstm(),
        ),
        {"h_1", "c_1", "sum_1", "sum_2"},
    ),
    "convolution": (
        Network(lambda net, x: net.rnn(padded(net.conv, x, 4))[0], conv=conv(3, 2), rnn=lstm()),
        {"window_1", "h_1", "c_1"},
    ),
    "zeros in front": (
        Network(
            lambda net, x: turned(
                net.conv(turned(torch.cat([torch.zeros(x.shape[0], 4, FEATURES), x], 1)))
            ),
            conv=conv(3, 2),
        ),
        {"window_1"},
    ),
    "convolutions that are cut": (
        Network(
            lambda net, x: net.two(net.one(x.transpose(1, 2))[:, :, :-4])[:, :, :-8].transpose(
                1, 2
            ),
            one=conv(3, 2, 4),
            two=conv(3, 4, 8),
        ),
        {"window_1", "window_2"},
    ),
    "convolution, last step": (
        Network(lambda net, x: net.one(x.transpose(1, 2))[:, :, :-4][:, :, -1], one=conv(3, 2, 4)),
        {"window_1"},
    ),
}
