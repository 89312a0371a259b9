"""An RNN and an LSTM of one unit on three words, every number shown. Knows the equations alone."""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import onnx
import torch

from app.tasks.tensor.task import TensorTask
from app.training.common.graph import Graph
from app.training.common.recurrent import Recurrent
from app.training.common.served import loaded_model, predictions_of
from app.training.importing.import_model import ImportOptions, import_model
from app.training.study.finding import Finding, Report, Rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Each word is one number here, as if its embedding had one dimension.
WORDS: Final = {"it": 0.5, "rained": -1.0, "today": 1.5}
# By gate: the weight of the input, the weight of the state, the bias.
RNN: Final = {"hidden": (0.8, 0.5, 0.1)}
LSTM: Final = {
    "input": (0.6, -0.4, 0.2),
    "forget": (0.3, 0.7, 1.0),
    "candidate": (1.2, 0.5, 0.0),
    "output": (-0.5, 0.9, 0.4),
}


def rnn_steps() -> list[dict[str, float]]:
    """h = tanh(w x + u h + b), word by word."""
    w, u, b = RNN["hidden"]
    hidden, steps = 0.0, []
    for x in WORDS.values():
        total = w * x + u * hidden + b
        hidden = math.tanh(total)
        steps.append({"sum": total, "hidden": hidden})
    return steps


def lstm_steps() -> list[dict[str, float]]:
    """Input, forget and output gate, candidate, cell and state, word by word."""
    hidden = cell = 0.0
    steps = []
    for x in WORDS.values():
        sums = {gate: w * x + u * hidden + b for gate, (w, u, b) in LSTM.items()}
        gates = {name: 1.0 / (1.0 + math.exp(-total)) for name, total in sums.items()}
        gates["candidate"] = math.tanh(sums["candidate"])
        cell = gates["forget"] * cell + gates["input"] * gates["candidate"]
        hidden = gates["output"] * math.tanh(cell)
        steps.append({**gates, "cell": cell, "hidden": hidden})
    return steps


def network_of(cell: str) -> Recurrent:
    """The network with the weights above, one unit on one input."""
    gates = RNN if cell == "rnn" else LSTM
    stack = Recurrent(cell, 1, 1)
    one = stack.layers()[0][0]
    columns = torch.tensor(list(gates.values()))  # (gates, 3)
    with torch.no_grad():
        one.weight_ih.copy_(columns[:, :1])
        one.weight_hh.copy_(columns[:, 1:2])
        one.bias_ih.copy_(columns[:, 2])
        one.bias_hh.zero_()
    return stack.eval()


def by_network(stack: Recurrent) -> list[float]:
    """The state after each word, from torch."""
    x = torch.tensor(list(WORDS.values()))[:, None, None]  # (time, 1, 1)
    with torch.no_grad():
        found: list[float] = stack(x)[0].flatten().tolist()
    return found


def by_service(stack: Recurrent, name: str) -> list[float]:
    """The state after each word, asked of the network as it is served.

    The graph is imported into a repository of its own, which is checked and loaded as any other.
    """
    graph = Graph(name)
    words = graph.input("words", np.float32, ("batch", "time", 1))
    outputs, _ = stack.to_onnx(graph, graph.op("Transpose", words, perm=[1, 0, 2]))
    states = graph.op("Transpose", outputs, perm=[1, 0, 2])
    graph.output("states", states, np.float32, ("batch", "time", 1))
    with tempfile.TemporaryDirectory() as folder:
        file, repository = Path(folder) / "network.onnx", Path(folder) / "models"
        repository.mkdir()
        onnx.save(graph.build(), file)
        import_model(file, ImportOptions(name), repository)
        with loaded_model(repository, "tensor", TensorTask, name) as loaded:
            example = loaded.task.encode({"words": [[x] for x in WORDS.values()]})
            [answer] = predictions_of(loaded, [example])
            found: list[float] = answer.value("states").flatten().tolist()
    return found


def from_scratch(report: Report) -> Finding:
    """Both networks by hand, by torch and as served, step by step."""
    tables, lines = [], {}
    for cell, by_hand in (("rnn", rnn_steps), ("lstm", lstm_steps)):
        report(f"the {cell} by hand, in torch, and as it is served")
        steps, stack = by_hand(), network_of(cell)
        trained, served = by_network(stack), by_service(stack, cell)
        names = list(steps[0])
        tables.append(
            Rows(
                f"{cell} of one unit, by hand, and its state as torch and the service have it:",
                ("word", "number", *names, "torch", "service"),
                [
                    [
                        word,
                        f"{x:g}",
                        *(f"{step[name]:.6f}" for name in names),
                        f"{a:.6f}",
                        f"{b:.6f}",
                    ]
                    for (word, x), step, a, b in zip(
                        WORDS.items(), steps, trained, served, strict=True
                    )
                ],
            )
        )
        lines[cell] = steps
    return Finding(
        "One unit, three words",
        _TEXT,
        tables,
        lambda figure: _draw(figure, lines["rnn"], lines["lstm"]),
    )


def _shown(numbers: Sequence[float]) -> list[str]:
    return [f"{number:.6f}" for number in numbers]


def _draw(figure: "Figure", rnn: list[dict[str, float]], lstm: list[dict[str, float]]) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    words = list(WORDS)
    left.plot(words, [step["hidden"] for step in rnn], "o-", label="hidden")
    left.set_title("rnn")
    for name in lstm[0]:
        right.plot(words, [step[name] for step in lstm], "o-", label=name)
    right.set_title("lstm")
    for axes in (left, right):
        axes.axhline(0.0, color="grey", linewidth=0.5)
        axes.legend()


_TEXT = """
Everything that a recurrent layer does is in these lines: each word changes the state, and the
state is all that is left of the words before. In the LSTM the forget gate says how much of the cell
stays, the input gate how much of the candidate enters, and the output gate how much of the cell is
shown. The same numbers come out of the equations, of torch, and of the network as it is served.
"""
