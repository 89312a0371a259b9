"""Small real objects to test the engine with: a tiny graph, a tiny task, a tiny repository.

Knows the engine's contracts only; no double here is a patch or a mock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper
from pydantic import JsonValue

from app.errors import InvalidInput
from app.serving.models.manifest import Golden, Manifest, Network, digest, write_manifest
from app.serving.runtime.session import Session
from app.serving.task import ExampleDefaults, OpenSession

OPSET = 20


def mean_graph(*, batch_dependent: bool = False, bias: float = 0.0) -> bytes:
    """ONNX: values (batch, time) float, lengths (batch) int64 -> mean (batch) float.

    With `batch_dependent` it has a classic mistake: it divides by the padded length.
    """
    divisor = "padded" if batch_dependent else "lengths"
    nodes = [
        helper.make_node("Shape", ["values"], ["padded"], start=1, end=2),
        helper.make_node("Squeeze", ["padded"], ["time"]),
        helper.make_node("Range", ["zero", "time", "one"], ["positions"]),  # (time)
        helper.make_node("Unsqueeze", ["lengths", "last"], ["ends"]),  # (batch, 1)
        helper.make_node("Less", ["positions", "ends"], ["inside"]),  # (batch, time)
        helper.make_node("Where", ["inside", "values", "nothing"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "last"], ["sum"], keepdims=0),  # (batch)
        helper.make_node("Cast", [divisor], ["divisor"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["sum", "divisor"], ["quotient"]),
        helper.make_node("Add", ["quotient", "bias"], ["mean"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mean",
        inputs=[
            helper.make_tensor_value_info("values", TensorProto.FLOAT, ["batch", "time"]),
            helper.make_tensor_value_info("lengths", TensorProto.INT64, ["batch"]),
        ],
        outputs=[helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["batch"])],
        initializer=[
            helper.make_tensor("zero", TensorProto.INT64, [], [0]),
            helper.make_tensor("one", TensorProto.INT64, [], [1]),
            helper.make_tensor("last", TensorProto.INT64, [1], [1]),
            helper.make_tensor("nothing", TensorProto.FLOAT, [], [0.0]),
            helper.make_tensor("bias", TensorProto.FLOAT, [], [bias]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@dataclass(frozen=True)
class MeanExample(ExampleDefaults):
    values: npt.NDArray[np.float32]  # (time)

    @property
    def length(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class MeanPrediction:
    mean: float

    def to_json(self) -> dict[str, JsonValue]:
        return {"mean": self.mean}


class MeanTask:
    """The mean of a series, the smallest task that has lengths and padding."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: OpenSession) -> Self:
        return cls(open_session("model.onnx"))

    def encode(self, values: Sequence[float]) -> MeanExample:
        if not values:
            raise InvalidInput("values is empty", field="values", allowed="at least one number")
        return MeanExample(np.asarray(values, np.float32))

    def predict(self, examples: Sequence[MeanExample]) -> list[MeanPrediction]:
        lengths = np.array([example.length for example in examples], np.int64)
        values = np.zeros((len(examples), lengths.max()), np.float32)  # (batch, time)
        for row, example in enumerate(examples):
            values[row, : example.length] = example.values
        means = self._session.run({"values": values, "lengths": lengths})["mean"]
        return [MeanPrediction(float(mean)) for mean in means]


TASKS = {"mean": MeanTask}
GOLDEN = (
    Golden(request={"values": [1.0, 2.0, 6.0]}, answer={"mean": 3.0}),
    Golden(request={"values": [-4.0]}, answer={"mean": -4.0}),
    Golden(request={"values": [0.5] * 20}, answer={"mean": 0.5}),
)


def write_version(
    root: Path,
    name: str = "mean",
    version: str = "1",
    *,
    graph: bytes | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Path:
    """Write a version that loads with TASKS; `changes` replaces fields of its manifest."""
    folder = root / name / version
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(mean_graph() if graph is None else graph)
    (folder / "README.md").write_text("The mean of a series.\n", encoding="utf-8")
    manifest = Manifest(
        name=name,
        version=version,
        task="mean",
        created="2020-01-01T00:00:00Z",
        description="The mean of a series.",
        license="Apache-2.0",
        intended_use="Tests.",
        files={each: digest(folder / each) for each in ("model.onnx", "README.md")},
        network=Network(cell="none", num_layers=1, hidden_size=1, parameters=1, opset=OPSET),
        golden=GOLDEN,
    )
    write_manifest(folder, manifest.model_copy(update=dict(changes or {})))
    return folder


def write_biased(root: Path, version: str, bias: float, name: str = "mean") -> Path:
    """Write a version whose answers are the mean plus `bias`, and that says so."""
    golden = tuple(
        each.model_copy(update={"answer": {"mean": each.answer["mean"] + bias}})  # type: ignore[operator]
        for each in GOLDEN
    )
    return write_version(
        root, name, version, graph=mean_graph(bias=bias), changes={"golden": golden}
    )
