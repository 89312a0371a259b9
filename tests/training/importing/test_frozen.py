"""Graphs with frozen axes: what is told, all of it together, and that doing it helps."""

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from app.training.importing.import_model import Imported, ImportOptions, import_model
from app.training.importing.told import Told

_ADVICE = re.compile(r"torch\.onnx\.export\(\.\.\., (.*?\})\)(;|$)")


class Rows(nn.Module):
    """One answer a row, of the last step."""

    inputs, outputs = ("sensor",), ("y",)

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 4, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.gru(x)[0][:, -1]  # type: ignore[no-any-return]


class Steps(nn.Module):
    """One answer a step, and a state that goes on."""

    inputs, outputs = ("x", "hx", "cx"), ("y", "hy", "cy")

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=True)

    def forward(
        self, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        y, (h, c) = self.lstm(x, (h, c))
        return y, h, c


def exported(network: Any, path: Path, dtype: torch.dtype = torch.float32, **options: Any) -> Path:
    """As a beginner does, or with the `options` that were advised."""
    x = torch.zeros(1, 10, 3, dtype=dtype)
    states = [torch.zeros(1, 1, 4, dtype=dtype)] * (len(network.inputs) - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            (x, *states),
            path,
            input_names=list(network.inputs),
            output_names=list(network.outputs),
            **{"dynamo": False, "opset_version": 20} | options,
        )
    return path


def imported(path: Path, **told: Any) -> Imported:
    return import_model(path, ImportOptions("mine", Told(**told)), path.parent / "models")


def advised(fix: str) -> dict[str, Any]:
    """The options of the call that a fix tells."""
    found = _ADVICE.search(fix)
    assert found is not None, fix
    options: dict[str, Any] = eval(f"dict({found[1]})")
    return options


@pytest.mark.parametrize("network", [Rows, Steps])
def test_batch_and_time_are_told_together_and_the_export_helps(
    tmp_path: Path, network: Any
) -> None:
    path = exported(network(), tmp_path / "net.onnx")
    first, *others = imported(path).verdict.problems
    name = network.inputs[0]
    assert first.what == (
        f"batch and time are frozen: axes 0 and 1 of {name} [1, 10, 3] are always 1 and 10"
    )
    assert [each.what for each in others] == [
        f"batch is frozen: axis 1 of {state} [1, 1, 4] is always 1" for state in network.inputs[1:]
    ]
    again = exported(network(), path, **advised(first.fix))
    done = imported(again, padding=False)
    assert done.verdict.problems == []
    features = done.verdict.features
    assert features is not None
    assert (features.inputs[0].batch_axis, features.inputs[0].time_axis) == (0, 1)
    assert features.states == dict(zip(network.inputs[1:], network.outputs[1:], strict=True))


def test_one_number_of_steps_can_be_meant(tmp_path: Path) -> None:
    path = exported(Rows(), tmp_path / "net.onnx")
    [problem] = imported(path, fixed_time=True).verdict.problems
    assert problem.what == "batch is frozen: axis 0 of sensor [1, 10, 3] is always 1"
    [both] = imported(path).verdict.problems
    assert "free the batch alone and say --fixed-time" in both.fix
    free = exported(Rows(), path, dynamic_axes={"sensor": {0: "batch"}, "y": {0: "batch"}})
    [time] = imported(free).verdict.problems
    assert time.what == "time is frozen: axis 1 of sensor [batch, 10, 3] is always 10"
    assert "or say --fixed-time" in time.fix
    assert imported(free, fixed_time=True).folder is not None


def test_doubles_are_told_and_single_precision_helps(tmp_path: Path) -> None:
    axes = {"sensor": {0: "batch", 1: "time"}, "y": {0: "batch"}}
    path = tmp_path / "net.onnx"
    exported(Rows().double(), path, torch.float64, dynamic_axes=axes)
    [problem] = imported(path, padding=False).verdict.problems
    assert problem.what.startswith("precision: GRU operator does not support double")
    assert "model.float()" in problem.fix
    exported(Rows().double().float(), path, dynamic_axes=axes)
    assert imported(path, padding=False).folder is not None
