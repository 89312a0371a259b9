"""A recurrent network with a linear layer, taught in small and served as a stream.

Knows torch, the graph and the stream; knows no experiment.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.tasks.tensor.streams import StreamGraph
from app.tasks.tensor.task import TensorTask
from app.training.common.cell import State
from app.training.common.graph import Graph
from app.training.common.loop import LoopOptions, fit
from app.training.common.recurrent import Recurrent
from app.training.common.served import loaded_model, predictions_of
from app.training.importing.import_model import ImportOptions, import_model
from app.training.importing.told import Told

Network = TypeVar("Network", bound=nn.Module)
Floats = NDArray[np.float32]
Stream = Callable[[Floats], Floats]
"""Takes steps (time, inputs) and goes on from where it was: (time, outputs)."""
_INPUT: Final = "steps"
_OUTPUT: Final = "answers"


class Reader(nn.Module):
    """A stack of cells, and a linear layer on what it gives at each step."""

    def __init__(
        self,
        cell: str,
        inputs: int,
        units: int,
        outputs: int,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        self.stack = Recurrent(cell, inputs, units, num_layers, bidirectional=bidirectional)
        self.head = nn.Linear(self.stack.output_size, outputs)

    def forward(
        self, inputs: Tensor, lengths: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """inputs (time, batch, inputs) to (time, batch, outputs) and the state after them."""
        outputs, after = self.stack(inputs, lengths, state)
        return self.head(outputs), after

    def to_onnx(self) -> onnx.ModelProto:
        """steps (batch, time, inputs) to answers (batch, time, outputs); the state is inside."""
        graph = Graph("reader")
        size = ("batch", "time")
        steps = graph.input(_INPUT, np.float32, (*size, self.stack.input_size))
        outputs, _ = self.stack.to_onnx(graph, graph.op("Transpose", steps, perm=[1, 0, 2]))
        answers = graph.linear(graph.op("Transpose", outputs, perm=[1, 0, 2]), self.head)
        graph.output(_OUTPUT, answers, np.float32, (*size, self.head.out_features))
        return graph.build()


def taught(
    network: nn.Module,
    batch: Callable[[np.random.Generator], Any],
    loss: Callable[[nn.Module, Any], Tensor],
    *,
    steps: int,
    rate: float,
    seed: int = 0,
) -> float:
    """Train `network` in place on batches that are drawn anew each step; the seconds it took."""
    options = LoopOptions(
        steps=steps, learning_rate=rate, weight_decay=0.0, warmup=steps // 20, averaging=0.98,
        seed=seed,
    )  # fmt: skip

    def drawn(step: int) -> Any:
        return batch(np.random.default_rng([seed, step]))

    return fit(network, drawn, loss, lambda _: 0.0, options, keep=steps).seconds


def made(network: Callable[[], Network], seed: int) -> Network:
    """A network with the first weights of `seed`."""
    torch.manual_seed(seed)
    return network()


@contextmanager
def served_stream(network: Reader, name: str) -> Iterator[Callable[[], Stream]]:
    """The network as a version of a repository of its own, whose streams can be opened.

    It is imported with `--stream`, so that its states are found, tried and taken out, and loaded as
    the service does it. Each call opens a stream; what it knows is the bytes of its state alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        file, repository = Path(folder) / "network.onnx", Path(folder) / "models"
        repository.mkdir()
        onnx.save(network.to_onnx(), file)
        import_model(file, ImportOptions(name, Told(stream=True)), repository)
        with loaded_model(repository, "tensor", TensorTask, name) as loaded:
            assert isinstance(loaded.task, TensorTask)
            graph = StreamGraph(loaded.task)

            def opened() -> Stream:
                state = graph.first

                def take(steps: Floats) -> Floats:
                    nonlocal state
                    read = graph.read({_INPUT: steps[None]})  # (1, time, inputs)
                    example = graph.example(state, read, 0, [_OUTPUT])
                    [prediction] = predictions_of(loaded, [example])
                    state = graph.state_after(prediction)
                    found: Floats = graph.joined([prediction], [_OUTPUT])[_OUTPUT][0]
                    return found  # (time, outputs)

                return take

            yield opened
