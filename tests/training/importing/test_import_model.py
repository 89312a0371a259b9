"""From a file to a version that serves; next versions; what is refused publishes nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from app.cli.models import list_versions
from app.errors import ConfigurationError, ModelRefused
from app.serving.models.loader import load_version
from app.serving.models.manifest import read_manifest
from app.tasks.tensor.features import TensorFeatures
from app.tasks.tensor.task import TensorTask
from app.training.importing.import_model import Imported, ImportOptions, import_model
from app.training.importing.told import Told
from tests.training.importing.graphs import Net

TASKS = {"tensor": TensorTask}
STATES = ("h0", "hn", "c0", "cn")


def imported(net: Net, folder: Path, name: str = "mine", **options: Any) -> Imported:
    path = net.save(folder)
    return import_model(path, ImportOptions(name, **options), folder / "models")


@pytest.mark.parametrize(
    ("net", "told"),
    [
        (Net(), Told()),
        (Net(rows_first=False, pooling="steps"), Told()),
        (Net(embedded=True, direction="bidirectional"), Told()),
        (Net(lengths=False, pooling="steps"), Told()),
        (Net(lengths=False), Told(padding=False)),
        (Net(states=STATES), Told()),
        (Net(time=9, lengths=False), Told(fixed_time=True)),
        (Net(lengths=False, embedded=True), Told(stream=True)),
    ],
    ids=["plain", "time first", "tokens", "padded", "not padded", "states", "fixed time", "stream"],
)
def test_what_is_imported_serves(tmp_path: Path, net: Net, told: Told) -> None:
    done = imported(net, tmp_path, told=told)
    assert done.folder == tmp_path / "models" / "mine" / "1"
    model = load_version(done.folder, TASKS, expected=("mine", "1"))
    try:
        requests = [golden.request for golden in model.manifest.golden]
        examples = [model.task.encode(**request) for request in requests]
        lengths = [example.length for example in examples]
        assert lengths == ([1] * 3 if net.time == 9 else [5, 1, 8])
        futures = model.scheduler.submit_many(examples)
        for future, golden in zip(futures, model.manifest.golden, strict=True):
            assert future.result(60).prediction.to_json().keys() == golden.answer.keys()
    finally:
        assert model.close(timeout=60)


def test_the_manifest_and_the_card_tell_where_it_comes_from(tmp_path: Path) -> None:
    done = imported(
        Net(states=STATES, peephole=True),
        tmp_path,
        labels=("a", "b", "c", "d"),
        description="Guesses.",
        license="MIT",
        intended_use="Guessing games.",
    )
    assert done.folder is not None
    manifest = read_manifest(done.folder)
    assert (manifest.task, manifest.description, manifest.license) == ("tensor", "Guesses.", "MIT")
    network = manifest.network
    assert (network.cell, network.num_layers, network.hidden_size) == ("lstm", 1, 4)
    features = TensorFeatures.model_validate(manifest.features)
    assert (features.labels, features.states) == (("a", "b", "c", "d"), {"h0": "hn", "c0": "cn"})
    source: Any = manifest.training["imported"]
    assert source["file"] == "net.onnx"
    card = (done.folder / "README.md").read_text(encoding="utf-8")
    assert source["sha256"] in card
    for text in ("Guessing games.", "| `h0` | input: state, continued by `hn` |", "has peepholes"):
        assert text in card
    for heading in ("## Use", "## Data", "## Licence", "## Figures"):
        assert heading in card


def test_golden_floats_are_short(tmp_path: Path) -> None:
    done = imported(Net(), tmp_path)
    assert done.folder is not None
    content = json.loads((done.folder / "manifest.json").read_text(encoding="utf-8"))
    rows = content["golden"][0]["request"]["inputs"]["x"]
    assert all(len(repr(value)) <= 6 for row in rows for value in row)


def test_a_problem_publishes_nothing(tmp_path: Path) -> None:
    done = imported(Net(lengths=False), tmp_path)
    assert done.folder is None
    assert done.verdict.problems
    assert not (tmp_path / "models").exists()


def test_a_dry_run_publishes_nothing(tmp_path: Path) -> None:
    path = Net().save(tmp_path)
    done = import_model(path, ImportOptions("mine"), tmp_path / "models", dry_run=True)
    assert (done.folder, done.verdict.problems) == (None, [])
    assert not (tmp_path / "models").exists()


class TestVersions:
    def test_the_next_version_has_the_next_number(self, tmp_path: Path) -> None:
        imported(Net(), tmp_path)
        assert imported(Net(), tmp_path, like=True).folder == tmp_path / "models" / "mine" / "2"
        candidate, served = list_versions(tmp_path / "models", {})
        assert (candidate.version, candidate.served, candidate.candidate) == ("2", False, True)
        assert (served.version, served.served, served.candidate) == ("1", True, False)

    @pytest.mark.parametrize(
        ("net", "text"),
        [
            (Net(embedded=True), "input x: FP32 [batch, time, 3] in version 1 of mine, INT64"),
            (Net(pooling="steps"), "output y: FP32 [batch, 4] in version 1 of mine, FP32 [batch, "),
            (Net(lengths_name="lens"), "input len"),
            (Net(states=STATES), "none in version 1 of mine"),
        ],
    )
    def test_other_tensors_are_another_model(self, tmp_path: Path, net: Net, text: str) -> None:
        imported(Net(), tmp_path)
        with pytest.raises(ModelRefused) as caught:
            imported(net, tmp_path, like=True)
        assert text in caught.value.message
        assert not (tmp_path / "models" / "mine" / "2").exists()

    def test_of_a_model_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="--version-of: there is no model mine"):
            imported(Net(), tmp_path, like=True)


@pytest.mark.parametrize("name", ["", "My_RNN", "../up", "a b", "x" * 65])
def test_a_name_that_is_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="--name"):
        imported(Net(), tmp_path, name)


def edited(path: Path, **changes: Any) -> Path:
    model = onnx.load(path)
    if "opset" in changes:
        model.opset_import[0].version = changes["opset"]
    if "layout" in changes:
        (node,) = (node for node in model.graph.node if node.op_type == "LSTM")
        node.attribute.append(onnx.helper.make_attribute("layout", changes["layout"]))
    if "domain" in changes:
        model.opset_import.append(onnx.helper.make_opsetid(changes["domain"], 1))
        model.graph.node[0].domain = changes["domain"]
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("changes", "what", "fix"),
    [
        ({"opset": 6}, "opset: 6 is older than what ONNX Runtime takes, 7", "opset_version=20"),
        ({"opset": 99}, "opset: 99 is newer than what ONNX Runtime", "opset_version=20"),
        ({"layout": 1}, "layout: LSTM has layout=1 (batch first)", "layout=0"),
        ({"domain": "my.ops"}, "is not a registered function/op", "custom operators"),
    ],
    ids=["old", "new", "layout", "custom"],
)
def test_a_graph_that_onnx_runtime_refuses(
    tmp_path: Path, changes: dict[str, Any], what: str, fix: str
) -> None:
    path = edited(Net().save(tmp_path), **changes)
    done = import_model(path, ImportOptions("mine"), tmp_path / "models")
    [problem] = done.verdict.problems
    assert what in problem.what
    assert fix in problem.fix


def test_values_can_be_told(tmp_path: Path) -> None:
    """An id that is taken modulo nothing: beyond the table the graph refuses it."""
    net = Net(embedded=True)
    model = onnx.load_from_string(net.build())
    # Hide from the reader that x looks up a table: a detour that it does not follow.
    (gather,) = (node for node in model.graph.node if node.op_type == "Gather")
    gather.input[1] = "detour"
    at = list(model.graph.node).index(gather)
    model.graph.node.insert(at, onnx.helper.make_node("Abs", ["x"], ["detour"]))
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    models = tmp_path / "models"
    told = Told(values={"x": (0, 19)})
    assert import_model(path, ImportOptions("mine", told), models).folder is not None
    golden = read_manifest(models / "mine" / "1").golden
    ids = np.concatenate([golden[i].request["inputs"]["x"] for i in range(3)])  # type: ignore
    assert ids.max() > 1
    wrong = ImportOptions("mine", Told(values={"x": (0, 1000)}))
    [problem] = import_model(path, wrong, models).verdict.problems
    assert "the graph computes no random rows: " in problem.what
    assert "--values NAME=LOW:HIGH" in problem.fix
