"""The rules by which a CUDA provider leaves recurrent nodes on the CPU, and their documentation."""

from pathlib import Path
from typing import Any

import onnx
import pytest

from app.training.importing.placement import RULES, placement_notes
from tests.training.importing.graphs import Net

PAGE = Path(__file__).resolve().parents[3] / "docs" / "bring-your-own.md"


def whats(net: Net) -> list[str]:
    model = onnx.load_from_string(net.build())
    return [finding.what for finding in placement_notes(model.graph.node)]


@pytest.mark.parametrize(
    "net",
    [
        Net(),
        Net(cell="GRU"),
        Net(cell="RNN"),
        Net(direction="bidirectional"),
        Net(attributes={"activations": ["Sigmoid", "Tanh", "Tanh"]}),
        Net(direction="bidirectional", attributes={"activations": ["sigmoid", "Tanh", "Tanh"] * 2}),
    ],
)
def test_plain_cells_run_on_the_gpu(net: Net) -> None:
    assert whats(net) == []


@pytest.mark.parametrize(
    ("cell", "attributes", "text"),
    [
        ("LSTM", {"input_forget": 1}, "couples its input and forget gates"),
        ("GRU", {"linear_before_reset": 0}, "has linear_before_reset=0"),
        ("LSTM", {"clip": 3.0}, "clips its cell"),
        ("GRU", {"clip": 3.0}, "clips its cell"),
        ("RNN", {"activations": ["Relu"]}, "has other activations"),
        ("LSTM", {"activations": ["HardSigmoid", "Tanh", "Tanh"]}, "has other activations"),
        ("LSTM", {"activation_alpha": [0.2]}, "sets activation_alpha"),
    ],
)
def test_other_cells_are_left_on_the_cpu(cell: str, attributes: dict[str, Any], text: str) -> None:
    [what] = whats(Net(cell=cell, attributes=attributes))
    assert what.startswith("left on the CPU by the CUDA execution provider: " + cell)
    assert text in what


def test_peepholes_are_left_on_the_cpu() -> None:
    assert "has peepholes" in whats(Net(peephole=True))[0]


def test_a_gru_without_the_attribute_has_its_default() -> None:
    model = onnx.load_from_string(Net(cell="GRU").build())
    (node,) = (node for node in model.graph.node if node.op_type == "GRU")
    kept = [each for each in node.attribute if each.name != "linear_before_reset"]
    del node.attribute[:]
    node.attribute.extend(kept)
    assert "linear_before_reset=0" in placement_notes([node])[0].what


def test_loops_are_slow() -> None:
    notes = placement_notes([onnx.helper.make_node("Scan", ["a"], ["b"], name="loop")])
    assert notes[0].what.startswith("slow on a GPU by the CUDA execution provider: Scan loop")


def test_every_rule_is_documented() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for operators, _, what, fix in RULES:
        row = f"| {', '.join(operators)} | {what} | {fix} |"
        assert row in page, row
