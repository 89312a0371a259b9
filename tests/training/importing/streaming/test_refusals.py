"""What cannot stream is refused, and told what to do instead; nothing unproven is published."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional

from app.errors import ConfigurationError
from app.tasks.tensor.features import TensorFeatures
from app.training.common.graph import Graph
from app.training.importing.graph_file import describe
from app.training.importing.import_model import ImportOptions, import_model
from app.training.importing.streaming import verdict as verdicts
from app.training.importing.streaming.states import Surgery
from app.training.importing.streaming.verdict import examine_stream
from app.training.importing.told import Told
from tests.training.importing.graphs import Net
from tests.training.importing.streaming.networks import (
    FEATURES,
    HIDDEN,
    Network,
    exported,
    lstm,
    own_cell,
)


def attend(net: Any, x: torch.Tensor) -> Any:
    steps = net.rnn(x)[0]
    return (torch.softmax(steps @ steps.transpose(1, 2), -1) @ steps)[:, -1]


def pooled_by_attention(net: Any, x: torch.Tensor) -> Any:
    steps = net.rnn(x)[0]
    return (torch.softmax(net.score(steps), 1) * steps).sum(1)


def counted(net: Any, x: torch.Tensor) -> Any:
    return net.rnn(x)[0] + torch.arange(x.shape[1]).float()[None, :, None]


def turned(x: torch.Tensor) -> torch.Tensor:
    """(batch, time, channels) and (batch, channels, time), both ways."""
    return x.transpose(1, 2)


def from_the_input(net: Any, x: torch.Tensor) -> Any:
    return net.gru(x, net.first(x[:, 0])[None])[0]


GRU = nn.GRU(FEATURES, HIDDEN, batch_first=True)
CONV = nn.Conv1d(FEATURES, 4, 3, padding=1)

REFUSED: dict[str, tuple[nn.Module, str, str]] = {
    "bidirectional": (
        Network(lambda net, x: net.rnn(x)[0], rnn=lstm(bidirectional=True)),
        "is bidirectional: its first answer needs the last step",
        "bidirectional=False",
    ),
    "mean": (
        Network(lambda net, x: net.rnn(x)[0].mean(1), rnn=lstm()),
        "/ReduceMean takes a mean or a sum over all time",
        "answer from the last step, y[:, -1]",
    ),
    "attention": (
        Network(attend, rnn=lstm()),
        "/Softmax is attention over the sequence",
        "use a recurrent layer or a causal convolution",
    ),
    "attention that pools": (
        Network(pooled_by_attention, rnn=lstm(), score=nn.Linear(HIDDEN, 1)),
        "/Softmax is attention over the sequence",
        "use a recurrent layer",
    ),
    "normalised over time": (
        Network(
            lambda net, x: turned(net.norm(turned(net.rnn(x)[0]))),
            rnn=lstm(),
            norm=nn.InstanceNorm1d(8),
        ),
        "normalises over time",
        "nn.LayerNorm(hidden_size)",
    ),
    "flipped": (
        Network(lambda net, x: net.rnn(x.flip(1))[0], rnn=lstm()),
        "takes steps by their place in the request",
        "answer from the last step",
    ),
    "first step": (
        Network(lambda net, x: net.rnn(x)[0][:, 0], rnn=lstm()),
        "/Gather takes steps by their place in the request",
        "answer from the last step",
    ),
    "the last fifty steps": (
        Network(lambda net, x: x[:, -50:].cumsum(1)[:, -1]),
        "answers another y, or none to long sequences",
        "such as taking the last 50 of them",
    ),
    "the first fifty steps": (
        Network(lambda net, x: x[:, :50].amax(1)),
        "/Slice takes steps by their place in the request",
        "answer from the last step",
    ),
    "less the last": (
        Network(lambda net, x: net.rnn(x - x[:, -1:])[0], rnn=lstm()),
        "at /Sub the answer to a step depends on steps that come later",
        "let no step see a later one",
    ),
    "positions": (
        Network(counted, rnn=lstm()),
        "which counts the steps of the request: a part would begin to count anew",
        "torch.cumsum over ones",
    ),
    "convolution that sees ahead": (
        Network(lambda net, x: turned(net.conv(turned(x))), conv=CONV),
        "/conv/Conv sees steps that come later",
        "nn.functional.pad(x, (2, 0))",
    ),
    "convolution without padding": (
        Network(lambda net, x: turned(net.conv(turned(x))), conv=nn.Conv1d(FEATURES, 4, 3)),
        "/conv/Conv may want more steps than one",
        "pad on the left only",
    ),
    "pooling": (
        Network(
            lambda net, x: turned(functional.max_pool1d(turned(net.rnn(x)[0]), 3, 1, 1)), rnn=lstm()
        ),
        "/MaxPool has a window over time that is not the last steps alone",
        "pad on the left only",
    ),
    "state from the input": (
        Network(from_the_input, gru=GRU, first=nn.Linear(FEATURES, HIDDEN)),
        "the first state of /gru/GRU is computed from x",
        "take the first state as an input of forward",
    ),
    "as many answers as steps": (
        Network(lambda net, x: net.rnn(x)[0].flatten(1), rnn=lstm()),
        "the output y [batch, any] has a size that is computed from the number of steps",
        "answer from the last step",
    ),
    "no state": (
        Network(lambda net, x: net.out(x), out=nn.Linear(FEATURES, 2)),
        "no state was found",
        "without --stream",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_stream_is_told_what_to_do(name: str) -> None:
    network, what, fix = REFUSED[name]
    _, verdict = examine_stream(describe(exported(network)), Told())
    assert verdict.features is None
    problem = verdict.problems[-1]
    assert what in problem.what
    assert fix in problem.fix


def test_other_refusals() -> None:
    def refused(model: onnx.ModelProto, **told: Any) -> str:
        _, verdict = examine_stream(describe(model), Told(**told))
        assert verdict.features is None
        return verdict.problems[0].what

    both = onnx.load_from_string(
        Net(direction="bidirectional", lengths=False, pooling="steps").build()
    )
    assert "is bidirectional" in refused(both)
    backwards = own_cell("gru", lengths=False)
    for node in backwards.graph.node:
        for each in node.attribute:
            if each.name == "direction":
                each.s = b"reverse"
    assert "runs from the end" in refused(backwards)
    old = own_cell("lstm", lengths=False)
    old.opset_import[0].version = 12
    assert "opset: 12 is older than --stream takes, 13" in refused(old)
    frozen = onnx.load_from_string(Net(time=9, lengths=False).build())
    assert "time is frozen" in refused(frozen)
    fixed = "no input has a time axis whose size is free, and no state goes in and out"
    assert refused(frozen, fixed_time=True) == fixed
    with pytest.raises(ConfigurationError, match="there is no input 'z'"):
        refused(own_cell("gru", lengths=False), batch_axes={"z": 0})


def test_a_reversed_scan_is_refused() -> None:
    graph = Graph("reversed")
    x = graph.input("x", "float32", ("batch", "time", FEATURES))
    steps = graph.op("Transpose", x, perm=[1, 0, 2])
    rows = graph.op("Shape", x, start=0, end=1)
    shape = graph.op("Concat", rows, np.array([FEATURES]), axis=0)
    zeros = graph.op("Expand", np.zeros((1, 1), np.float32), shape)
    body = graph.subgraph("step")
    before = body.input("before", "float32", ("batch", FEATURES))
    now = body.input("now", "float32", ("batch", FEATURES))
    after = body.op("Tanh", body.op("Add", before, now))
    body.output("after", after, "float32", ("batch", FEATURES))
    body.output("out", after, "float32", ("batch", FEATURES))
    *_, y = graph.scan(body, (zeros,), [steps], num_outputs=1, reverse=True)
    y = graph.op("Transpose", y, perm=[1, 0, 2])
    graph.output("y", y, "float32", ("batch", "time", FEATURES))
    _, verdict = examine_stream(describe(graph.build()), Told())
    assert "runs from the end" in verdict.problems[0].what


def test_the_trial_is_the_last_judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Surgery that loses a state, or changes an answer, is found out: nothing is published."""
    path = tmp_path / "net.onnx"
    onnx.save(exported(Network(lambda net, x: net.rnn(x)[0], rnn=lstm())), path)
    options = ImportOptions(name="net", told=Told(stream=True))

    def tampered(broken: Any) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(Surgery, "go_on", broken)
            imported = import_model(path, options, tmp_path / "models")
        assert imported.folder is None
        return imported.verdict.problems[0].what

    right = Surgery.go_on

    def doubled(surgery: Surgery, state: str, value: str, dtype: Any, row: Any) -> None:
        right(surgery, state, surgery.edit.op("Add", value, value), dtype, row)

    def crossed(surgery: Surgery, state: str, value: str, dtype: Any, row: Any) -> None:
        right(surgery, state, surgery.edit.op("Identity", state), dtype, row)

    assert "LSTM keeps a state that cannot be taken out" in tampered(doubled)
    assert "LSTM keeps a state that cannot be taken out" in tampered(crossed)
    right_one = import_model(path, options, tmp_path / "models")
    assert right_one.folder is not None

    monkeypatch.setattr(verdicts, "streaming_features", _wrong_start)
    assert import_model(path, options, tmp_path / "models").folder is None


def _wrong_start(exposed: Any, features: TensorFeatures) -> TensorFeatures:
    """As if the first state were another one than the graph began with."""
    initial = {"h_1": [1.0] * HIDDEN}
    return TensorFeatures.model_validate(
        features.model_dump() | {"streams": True, "initial": initial}
    )
